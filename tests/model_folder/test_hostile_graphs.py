"""Graphs that are refused: with operations, fields, opsets or shapes that no graph of selfrec has."""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from selfrec.errors import ModelError
from selfrec.histories import Histories
from selfrec.model_folder.reading import open_model
from selfrec.scoring.kernel import Scorer
from selfrec.settings.tables import ScoringSettings
from tests.model_folder.altered import edit_graph, external, outside, rehash


def add_node(op: str, domain: str = "", **attributes: Any) -> Callable[[onnx.ModelProto], object]:
    return lambda model: model.graph.node.append(
        helper.make_node(op, ["history"], ["unused"], domain=domain, **attributes)
    )


def branch() -> onnx.GraphProto:
    return helper.make_graph([], "inner", [], [])


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
