"""A model is read only when everything about it is right: its manifest, its hashes, its items."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from benchmarks.synthetic import write_model_folder
from selfrec.errors import ModelError
from selfrec.model_folder.reading import open_model
from selfrec.model_folder.writing import hash_file
from tests.model_folder.altered import edit_manifest, names, rehash
from tests.shapes import exported


def test_what_was_written_is_read(folder: Path) -> None:
    model = open_model(folder)
    assert names(folder) == ["items.parquet", "manifest.json", "model.onnx"]
    assert names(folder.parent) == ["model"]
    assert (model.n_items, model.top_k, model.extra_inputs) == (6, 4, ())
    assert model.catalog.item_ids.to_pylist() == [100, 101, 102, 103, 104, 105]
    assert model.sha256 == hash_file(folder / "model.onnx").sha256
    model.verify()


@pytest.mark.parametrize(
    ("shape", "ranker", "compares"),
    [
        ("two", "mlp", False),
        ("two sparse by position", "mlp", False),
        ("two with ranker", "mlp", True),
        ("two", None, False),
    ],
)
def test_items_are_compared_where_a_ranker_was_kept(
    tmp_path: Path, shape: str, ranker: str | None, compares: bool
) -> None:
    """A ranker that made nothing better is in the configuration, not in the graph."""
    write_model_folder(tmp_path / "model", exported(shape, 300, 20), n_items=300, top_k=20)
    edit_manifest(tmp_path / "model", lambda manifest: manifest["config"]["pipeline"].update(ranker=ranker))
    assert open_model(tmp_path / "model").compares is compares


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda m: m.update(format_version=2), "format_version '2', this selfrec reads 1"),
        (lambda m: m.update(format_version=True), "format_version 'True'"),
        (lambda m: m.pop("format_version"), "no selfrec model"),
        (lambda m: m.update(extra=1), "extra: Extra inputs are not permitted"),
        (lambda m: m["config"].update(extra=1), r"config\.extra: Extra inputs"),
        (lambda m: m.update(n_items="many"), "n_items: "),
        (lambda m: m.update(top_k=5), "K is 4 in the graph and 5 in the manifest"),
        (lambda m: m.update(user_features=["age"]), "reads 0 user columns, the manifest names 1"),
        (lambda m: m["files"].pop("items.parquet"), r"no hash of items\.parquet"),
        (lambda m: m["files"].update({"../x": m["files"]["model.onnx"]}), "outside the folder"),
        (lambda m: m["files"].update({"/etc/passwd": m["files"]["model.onnx"]}), "outside the folder"),
        (lambda m: m["files"].update({"lost": m["files"]["model.onnx"]}), "lost: missing"),
        (lambda m: m["files"]["model.onnx"].update(sha256="0" * 64), r"model\.onnx: sha256"),
        (lambda m: m["files"]["model.onnx"].update(bytes=5), "altered or cut short"),
    ],
)
def test_hostile_manifests(folder: Path, change: Callable[[dict], object], says: str) -> None:
    edit_manifest(folder, change)
    with pytest.raises(ModelError, match=says) as caught:
        open_model(folder)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff\xfe", b"[" * 100_000, b" " * 5_000_000])
def test_a_manifest_that_is_none(folder: Path, content: bytes) -> None:
    (folder / "manifest.json").write_bytes(content)
    with pytest.raises(ModelError, match=r"manifest\.json"):
        open_model(folder)


def test_a_manifest_of_another_selfrec_says_which(folder: Path) -> None:
    edit_manifest(folder, lambda m: (m.update(selfrec_version="99.1"), m["config"]["pipeline"].update(newer=1)))
    with pytest.raises(
        ModelError, match=r"pipeline\.newer: .*; selfrec 99\.1 wrote the model and this is .* install that"
    ):
        open_model(folder)


def test_no_folder_and_no_manifest(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no such model folder"):
        open_model(tmp_path / "nowhere")
    with pytest.raises(ModelError, match="is this a model folder"):
        open_model(tmp_path)


def test_items_that_do_not_belong_to_the_graph(folder: Path) -> None:
    table = pq.read_table(folder / "items.parquet")
    pq.write_table(table.slice(0, 5), folder / "items.parquet")
    rehash(folder)
    with pytest.raises(ModelError, match="5 items, but the graph scores 6"):
        _ = open_model(folder).catalog
    pq.write_table(table.take(pa.array([0, 1, 2, 3, 5, 4])), folder / "items.parquet")
    rehash(folder)
    with pytest.raises(ModelError, match="in order"):
        _ = open_model(folder).catalog
    (folder / "items.parquet").write_bytes(b"PAR1 no PAR1")
    rehash(folder)
    with pytest.raises(ModelError, match="cannot be read"):
        _ = open_model(folder).catalog


def test_altered_bytes_are_found_by_their_hash(folder: Path) -> None:
    for name in ("model.onnx", "items.parquet"):
        content = (folder / name).read_bytes()
        (folder / name).write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
        with pytest.raises(ModelError, match="the file was altered"):
            open_model(folder)
        (folder / name).write_bytes(content)
    open_model(folder)
