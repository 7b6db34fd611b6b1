"""selfrec export on a real model: what it writes, prints and refuses."""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path

import numpy as np
import onnxruntime as ort
import pytest

from tests.cli.conftest import ITEMS, Cli


def test_check_prints_a_line_a_runtime(cli: Cli, model: Path) -> None:
    ran = cli("export", model, "--check")
    assert (ran.code, ran.err) == (0, "")
    heading, *rows = ran.out.splitlines()
    assert heading.split() == ["runtime", "version", "golden", "batches", "same", "lists"]
    assert [row.split()[0] for row in rows][:2] == ["onnxruntime", "onnx"]
    for row in rows:
        cases, same = row.split()[-2:]
        assert int(cases) == int(same) > 15


def test_raw_ids_k_and_half(cli: Cli, model: Path, tmp_path: Path) -> None:
    ran = cli("export", model, tmp_path / "g.onnx", "-k", 3, "--half", "--raw-ids")
    assert ran.code == 0, ran.err
    *written, note = ran.out.splitlines()
    assert written == [str(tmp_path / name) for name in ("g.onnx", "g.items.json", "g.items.parquet")]
    assert note.startswith("float16 beside float32, 200 drawn histories: ")
    said = json.loads((tmp_path / "g.items.json").read_text())
    assert (said["n_items"], said["top_k"], said["padding"]) == (ITEMS, 3, "")
    history = np.array([["i2", "i4", "no such item"]], dtype=object)
    items, scores = ort.InferenceSession(tmp_path / "g.onnx").run(
        ["items", "scores"],
        {"history": history, "weights": np.ones((1, 3), np.float32), "exclude": history,
         "item_bias": np.zeros(ITEMS, np.float32)},
    )  # fmt: skip
    assert items.shape == (1, 3)
    assert not {"i2", "i4"} & set(items[0])
    shown = cli("recommend", model, "--history", "i2,i4", "-k", 3, "--json")
    assert [line["item_id"] for line in json.loads(shown.out)["items"]] == items[0].tolist()
    assert (np.diff(scores[0]) <= 0).all()


def test_a_part_of_the_catalog(cli: Cli, model: Path, tmp_path: Path) -> None:
    (tmp_path / "allow.csv").write_text("item_id\ni1\ni3\ni8\nnone\n")
    ran = cli("export", model, tmp_path / "g.onnx", "--allow", tmp_path / "allow.csv", "--check")
    assert ran.code == 0, ran.err
    assert f"3 of the model's {ITEMS} items; a history item outside them counts for nothing" in ran.out
    assert sorted(json.loads((tmp_path / "g.items.json").read_text())["items"]["item_id"]) == ["i1", "i3", "i8"]


def test_an_item_table_follows_its_graph(cli: Cli, model: Path, tmp_path: Path) -> None:
    """One of an earlier export would name other items than the new graph means."""
    (tmp_path / "allow.txt").write_text("i3\n")
    place = tmp_path / "g.onnx"
    assert cli("export", model, place, "--allow", tmp_path / "allow.txt").code == 0
    ran = cli("export", model, place)
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.splitlines() == [str(tmp_path / name) for name in ("g.onnx", "g.items.json", "g.items.parquet")]
    said = json.loads((tmp_path / "g.items.json").read_text())
    assert (said["n_items"], len(said["items"]["item_id"])) == (ITEMS, ITEMS)
    assert said["graph_sha256"] == hashlib.sha256(place.read_bytes()).hexdigest()


def test_a_file_of_another_kind_is_left_alone(cli: Cli, model: Path, tmp_path: Path) -> None:
    (tmp_path / "g.items.json").write_text("{}")
    ran = cli("export", model, tmp_path / "g.onnx")
    assert (ran.code, ran.out) == (0, f"{tmp_path / 'g.onnx'}\n")
    assert (tmp_path / "g.items.json").read_text() == "{}"


def test_half_of_a_catalog_of_one(cli: Cli, model: Path, tmp_path: Path) -> None:
    (tmp_path / "allow.txt").write_text("i3\n")
    ran = cli("export", model, tmp_path / "g.onnx", "--allow", tmp_path / "allow.txt", "--half")
    assert (ran.code, ran.err) == (0, "")
    assert json.loads((tmp_path / "g.items.json").read_text())["items"]["item_id"] == ["i3"]


@pytest.mark.parametrize("out", [".", "..", "/", ".onnx"])
def test_a_target_without_a_name(cli: Cli, model: Path, out: str) -> None:
    ran = cli("export", model, out)
    assert (ran.code, ran.out) == (1, "")
    assert ran.err == f"Error: {out!r} names no file; write it like 'model.onnx'\n"


def test_golden_batches_without_a_graph(cli: Cli, model: Path, tmp_path: Path) -> None:
    ran = cli("export", model, "--conformance", tmp_path / "golden")
    assert (ran.code, ran.out) == (0, f"{tmp_path / 'golden' / 'cases.json'}\n")
    said = json.loads((tmp_path / "golden" / "cases.json").read_text())
    manifest = json.loads((model / "manifest.json").read_text())
    assert said["graph_sha256"] == manifest["files"]["model.onnx"]["sha256"]


def test_what_cannot_be_is_said(cli: Cli, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert cli("export", model).code == 2
    ran = cli("export", model, tmp_path / "g.onnx", "-k", 11)
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith("Error: -k 11: the model's lists have 10 items; ")
    monkeypatch.setitem(sys.modules, "onnx", None)
    for name in [name for name in sys.modules if name.startswith("selfrec.export.")]:
        monkeypatch.delitem(sys.modules, name)
    ran = cli("export", model, tmp_path / "g.onnx", "--half")
    assert (ran.code, ran.out) == (1, "")
    assert "needs the package 'onnx': pip install 'selfrec[train]'" in ran.err
    assert cli("export", model, tmp_path / "g.onnx").code == 0
