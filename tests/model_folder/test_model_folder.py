"""Written whole or not at all; read only when everything about it is right."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from onnx import TensorProto, helper, numpy_helper

from benchmarks.synthetic import one_product_graph
from selfrec import files
from selfrec.errors import ModelError
from selfrec.files import replace_path
from selfrec.graph.reading import read_graph
from selfrec.histories import Histories
from selfrec.model_folder.reading import open_model
from selfrec.model_folder.writing import ModelWriter, hash_file, replace_file
from selfrec.scoring.kernel import Scorer
from selfrec.settings.tables import ScoringSettings
from tests.scoring.shops import next_item_model


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def rehash(folder: Path, *more: str) -> None:
    """Make the manifest agree with altered files, as one who wrote them on purpose would."""
    manifest = json.loads((folder / "manifest.json").read_text())
    for name in [*manifest["files"], *more]:
        if (folder / name).is_file():
            manifest["files"][name] = hash_file(folder / name).model_dump()
    (folder / "manifest.json").write_text(json.dumps(manifest))


def edit_manifest(folder: Path, change: Callable[[dict], object]) -> None:
    manifest = json.loads((folder / "manifest.json").read_text())
    change(manifest)
    (folder / "manifest.json").write_text(json.dumps(manifest))


def edit_graph(folder: Path, change: Callable[[onnx.ModelProto], object]) -> None:
    model = onnx.load(folder / "model.onnx")
    change(model)
    (folder / "model.onnx").write_bytes(model.SerializeToString())
    rehash(folder)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    next_item_model(tmp_path / "model")
    return tmp_path / "model"


def test_what_was_written_is_read(folder: Path) -> None:
    model = open_model(folder)
    assert names(folder) == ["items.parquet", "manifest.json", "model.onnx"]
    assert names(folder.parent) == ["model"]
    assert (model.n_items, model.top_k, model.extra_inputs) == (6, 4, ())
    assert model.catalog.item_ids.to_pylist() == [100, 101, 102, 103, 104, 105]
    assert model.sha256 == hash_file(folder / "model.onnx").sha256
    model.verify()


def test_a_link_to_the_folder_is_followed_and_kept(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "current").symlink_to("model")
    assert open_model(tmp_path / "current").path == folder
    next_item_model(tmp_path / "current", 6, 3)
    assert (tmp_path / "current").is_symlink()
    assert open_model(folder).top_k == 3


def test_the_reader_finds_what_onnx_finds() -> None:
    for blocks in (False, True):
        eye = np.eye(200, dtype=np.float32)
        model = one_product_graph(eye, eye, 5, blocks=blocks)
        graph = read_graph(memoryview(model.SerializeToString()))
        assert [(node.op, node.inputs, node.outputs) for node in graph.nodes] == [
            (node.op_type, tuple(node.input), tuple(node.output)) for node in model.graph.node
        ]
        assert [(t.name, list(t.dims), t.element) for t in graph.tensors] == [
            (t.name, list(t.dims), t.data_type) for t in model.graph.initializer
        ]
        assert [*graph.inputs] == [value.name for value in model.graph.input]
        assert graph.outputs["items"].shape == ("batch", 5)


def test_typed_tensor_data_is_counted() -> None:
    eye = np.eye(6, dtype=np.float32)
    model = one_product_graph(eye, eye, 4, blocks=False)
    for tensor in model.graph.initializer:
        typed = helper.make_tensor(tensor.name, tensor.data_type, tensor.dims, numpy_helper.to_array(tensor).ravel())
        tensor.CopyFrom(typed)
    assert sum(tensor.size for tensor in read_graph(memoryview(model.SerializeToString())).tensors) > 0


def fail_halfway(folder: Path) -> None:
    with ModelWriter(folder) as writer:
        (writer.folder / "model.onnx").write_bytes(b"half")
        raise ZeroDivisionError


def commit_halfway(folder: Path) -> None:
    with ModelWriter(folder) as writer:
        (writer.folder / "model.onnx").write_bytes(b"half")
        writer.commit(open_model(folder).manifest)


def test_a_failed_write_leaves_the_old_model(folder: Path, tmp_path: Path) -> None:
    before = (folder / "manifest.json").read_bytes()
    with pytest.raises(ZeroDivisionError):
        fail_halfway(folder)
    with pytest.raises(ModelError, match=r"items\.parquet was not written"):
        commit_halfway(folder)
    assert (folder / "manifest.json").read_bytes() == before
    assert names(tmp_path) == ["model"]


def test_leftovers_of_a_killed_writer_are_removed(folder: Path, tmp_path: Path) -> None:
    script = (
        "import os, sys; from selfrec.model_folder.writing import ModelWriter\n"
        "ModelWriter(sys.argv[1]).__enter__(); os.kill(os.getpid(), 9)"
    )
    subprocess.run([sys.executable, "-c", script, str(folder)], check=False, cwd=Path(__file__).parents[2])
    assert len(names(tmp_path)) == 2
    next_item_model(folder)
    assert names(tmp_path) == ["model"]


def test_a_folder_of_other_things_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "cat.jpg").write_bytes(b"cat")
    with pytest.raises(ModelError, match="holds other files and no model"):
        next_item_model(tmp_path / "photos")
    with pytest.raises(ModelError, match="a file of this name"):
        next_item_model(tmp_path / "photos" / "cat.jpg")
    assert (tmp_path / "photos" / "cat.jpg").read_bytes() == b"cat"


@pytest.mark.parametrize("manifest", ['{"name": "an app"}', "no JSON", "[]"])
def test_a_folder_with_a_manifest_of_another_program_is_not_replaced(tmp_path: Path, manifest: str) -> None:
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "manifest.json").write_text(manifest)
    with pytest.raises(ModelError, match="holds other files and no model"):
        next_item_model(tmp_path / "app")
    assert names(tmp_path / "app") == ["manifest.json"]


@pytest.mark.parametrize("damage", ["", "{", '{"format_version": 99, "files": 7}'])
def test_a_damaged_model_can_be_replaced(folder: Path, damage: str) -> None:
    (folder / "manifest.json").write_text(damage)
    (folder / "report.html").write_text("of an earlier fit")
    (folder / ".DS_Store").write_text("of the system")
    next_item_model(folder)
    assert names(folder) == ["items.parquet", "manifest.json", "model.onnx"]


def test_what_somebody_put_into_a_model_folder_is_not_taken_away(folder: Path) -> None:
    (folder / "notes.txt").write_text("mine")
    (folder / ".git").mkdir()
    with pytest.raises(ModelError, match=r"holds '\.git' and 1 more beside its model, .*; move what is yours"):
        next_item_model(folder)
    assert open_model(folder).n_items == 6
    assert (folder / "notes.txt").read_text() == "mine"


def test_a_swap_without_exchange_is_recovered(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On systems that cannot exchange two names, a crash may fall between two renames."""
    monkeypatch.setattr(files, "_exchange", lambda first, second: False)
    (tmp_path / "new").mkdir()
    replace_path(tmp_path / "new", folder)
    assert names(folder) == []
    folder.rmdir()
    next_item_model(folder)
    folder.rename(tmp_path / ".model.old")
    assert open_model(folder).n_items == 6


def test_a_further_file_gets_its_hash(folder: Path) -> None:
    replace_file(folder, "report.html", b"<html>")
    replace_file(folder, "report.html", b"<html></html>")
    open_model(folder).verify()
    assert "report.html" in open_model(folder).manifest.files
    (folder / "report.html").write_bytes(b"<html></HTML>")
    open_model(folder)  # Scoring does not read it.
    with pytest.raises(ModelError, match=r"report\.html: sha256"):
        open_model(folder).verify()


def add_node(op: str, domain: str = "", **attributes: object) -> Callable[[onnx.ModelProto], object]:
    return lambda model: model.graph.node.append(
        helper.make_node(op, ["history"], ["unused"], domain=domain, **attributes)
    )


def branch() -> onnx.GraphProto:
    return helper.make_graph([], "inner", [], [])


def outside(location: str) -> Callable[[onnx.ModelProto], object]:
    def change(model: onnx.ModelProto) -> None:
        tensor = next(t for t in model.graph.initializer if t.name == "encoder")
        tensor.ClearField("raw_data")
        tensor.data_location = TensorProto.EXTERNAL
        for key, value in (("location", location), ("offset", "0"), ("length", "168")):
            tensor.external_data.add(key=key, value=value)

    return change


def giant(model: onnx.ModelProto) -> None:
    next(t for t in model.graph.initializer if t.name == "encoder").dims[:] = [2**40, 2**20]


def rename_input(model: onnx.ModelProto) -> None:
    model.graph.input[0].name = "clicks"


def retype_output(model: onnx.ModelProto) -> None:
    model.graph.output[0].type.tensor_type.elem_type = TensorProto.INT32


def fix_batch(model: onnx.ModelProto) -> None:
    model.graph.input[0].type.tensor_type.shape.dim[0].dim_value = 3


def items_of_another_size(model: onnx.ModelProto) -> None:
    model.graph.input[3].type.tensor_type.shape.dim[0].dim_value = 7


def shadow_input(model: onnx.ModelProto) -> None:
    model.graph.initializer.append(numpy_helper.from_array(np.zeros(6, np.float32), "item_bias"))


def text_tensor(model: onnx.ModelProto) -> None:
    model.graph.initializer.append(numpy_helper.from_array(np.array(["x"], object), "words"))


def sparse(model: onnx.ModelProto) -> None:
    model.graph.sparse_initializer.add()


def function(model: onnx.ModelProto) -> None:
    node = helper.make_node("Identity", ["x"], ["y"])
    opset = helper.make_opsetid("", 18)
    model.functions.append(helper.make_function("local", "f", ["x"], ["y"], [node], [opset]))


def opset(domain: str, version: int) -> Callable[[onnx.ModelProto], object]:
    return lambda model: model.opset_import.append(helper.make_opsetid(domain, version))


def older_opset(model: onnx.ModelProto) -> None:
    model.opset_import[0].version = 13


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (add_node("RandomNormalLike"), "'RandomNormalLike', which is not on"),
        (add_node("LabelEncoder", "ai.onnx.ml"), r"ai\.onnx\.ml\.LabelEncoder"),
        (add_node("Gelu", "com.microsoft"), r"com\.microsoft\.Gelu"),
        (add_node("If", then_branch=branch(), else_branch=branch()), "control flow|not on selfrec's list"),
        (add_node("Relu", body=branch()), "graph of its own"),
        (opset("ai.onnx.ml", 3), "uses opset ai.onnx 18, ai.onnx.ml 3"),
        (older_opset, "uses opset ai.onnx 13"),
        (function, "local function"),
        (sparse, "graph field 15"),
        (outside("/etc/passwd"), "'/etc/passwd'"),
        (outside("../other/model.onnx.data"), "the only place outside"),
        (outside("model.onnx.data"), "the only place outside"),
        (giant, "holds 42 values, not 1152921504606846976"),
        (text_tensor, "field 6"),
        (rename_input, "no input 'history'"),
        (retype_output, "'items' of the graph is type 6"),
        (fix_batch, r"'history' of the graph is int64\[3, length\], not int64\[batch, length\]"),
        (items_of_another_size, "N is 7 in the graph and 6 in the manifest; fit the model again"),
        (shadow_input, "a stored tensor and an input 'item_bias'"),
        (lambda model: model.graph.output.reverse(), "outputs are"),
        (lambda model: model.graph.ClearField("output"), "outputs are"),
    ],
)
def test_hostile_graphs(folder: Path, change: Callable[[onnx.ModelProto], object], says: str) -> None:
    edit_graph(folder, change)
    with pytest.raises(ModelError, match=says) as caught:
        open_model(folder)
    assert "\n" not in str(caught.value)
    assert str(folder / "model.onnx") in str(caught.value)


def external(folder: Path) -> Path:
    """A proper model with its encoder outside the graph."""
    model = onnx.load(folder / "model.onnx")
    raw = next(t for t in model.graph.initializer if t.name == "encoder").raw_data
    (folder / "model.onnx.data").write_bytes(raw)
    edit_graph(folder, outside("model.onnx.data"))
    rehash(folder, "model.onnx.data")
    return folder / "model.onnx.data"


def test_weights_in_the_file_beside_the_graph(folder: Path) -> None:
    external(folder)
    lists = Scorer(open_model(folder), ScoringSettings(k=1)).score(Histories.from_rows([[2]], 6))
    assert lists.items.tolist() == [[3]]


def test_hostile_weights_beside_the_graph(folder: Path, tmp_path: Path) -> None:
    data = external(folder)
    content = data.read_bytes()
    data.write_bytes(content[:-4])
    rehash(folder)
    with pytest.raises(ModelError, match="ends after"):
        open_model(folder)
    data.unlink()
    (tmp_path / "secret").write_bytes(content)
    data.symlink_to(tmp_path / "secret")
    rehash(folder)
    with pytest.raises(ModelError, match="a link or special file"):
        open_model(folder)
    data.unlink()
    os.link(tmp_path / "secret", data)
    with pytest.raises(ModelError, match="hard links"):
        open_model(folder)


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


def test_damaged_graphs_with_matching_hashes_never_crash_the_reader(folder: Path) -> None:
    draw = random.Random(5)
    content = (folder / "model.onnx").read_bytes()
    refused = []
    for _ in range(400):
        damaged = bytearray(content)
        for _ in range(draw.randint(1, 3)):
            damaged[draw.randrange(len(damaged))] ^= 1 << draw.randrange(8)
        if draw.random() < 0.3:
            del damaged[draw.randrange(len(damaged)) :]
        (folder / "model.onnx").write_bytes(damaged)
        rehash(folder)
        try:
            open_model(folder)
        except ModelError as error:
            refused.append(str(error))
    assert len(refused) > 200
    assert not any("\n" in text for text in refused)
