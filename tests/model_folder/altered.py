"""Ways to alter a model folder, as somebody would who also mends its hashes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import onnx
from onnx import TensorProto

from selfrec.model_folder.writing import hash_file


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


def outside(location: str) -> Callable[[onnx.ModelProto], object]:
    def change(model: onnx.ModelProto) -> None:
        tensor = next(t for t in model.graph.initializer if t.name == "encoder")
        tensor.ClearField("raw_data")
        tensor.data_location = TensorProto.EXTERNAL
        for key, value in (("location", location), ("offset", "0"), ("length", "168")):
            tensor.external_data.add(key=key, value=value)

    return change


def external(folder: Path) -> Path:
    """A proper model with its encoder outside the graph."""
    model = onnx.load(folder / "model.onnx")
    raw = next(t for t in model.graph.initializer if t.name == "encoder").raw_data
    (folder / "model.onnx.data").write_bytes(raw)
    edit_graph(folder, outside("model.onnx.data"))
    rehash(folder, "model.onnx.data")
    return folder / "model.onnx.data"
