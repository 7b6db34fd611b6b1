"""Exports without the exporter's second trace: the same graphs, and only where no operator has to be taken apart."""

from __future__ import annotations

import pytest
import torch
from onnx import ModelProto
from torch import Tensor, nn
from torch.export import ExportedProgram
from torch.onnx._internal.exporter._registration import ONNXRegistry

from selfrec.export import decompositions
from selfrec.export.decompositions import traced_once
from selfrec.export.graph import to_graph
from tests.shapes import exported, recommender


def renamed(model: ModelProto) -> bytes:
    """The graph with its values named in the order in which they come up, and its initializers in that order."""
    graph = ModelProto.FromString(model.SerializeToString()).graph
    names: dict[str, str] = {}
    for value in [*graph.input, *graph.output]:
        names[value.name] = value.name
    for node in graph.node:
        for place in (node.input, node.output):
            place[:] = [names.setdefault(name, f"value {len(names)}") if name else "" for name in place]
    tensors = list(graph.initializer)
    for tensor in tensors:
        tensor.name = names[tensor.name]
    del graph.initializer[:]
    graph.initializer.extend(sorted(tensors, key=lambda tensor: tensor.name))
    return graph.SerializeToString(deterministic=True)


class Without(nn.Module):
    """Operators with a translation each, one of them under another name."""

    def forward(self, values: Tensor) -> Tensor:
        return (1 - values.square()).reshape(-1)


class Apart(nn.Module):
    """An operator that has to be taken apart."""

    def forward(self, values: Tensor) -> Tensor:
        return (1 - values.square()).argsort()


class Nothing(nn.Module):
    """A conversion to the type that it is: no operation of a graph."""

    def forward(self, values: Tensor) -> Tensor:
        return 1 - torch.ops.aten.to.dtype(values, torch.float32)


def program(module: nn.Module) -> ExportedProgram:
    return torch.export.export(module, (torch.ones(3, 4),))


def operators(program: ExportedProgram) -> list[str]:
    return [str(node.target) for node in program.graph.nodes if node.op == "call_function"]


def test_the_graph_is_that_of_two_traces_but_for_names(monkeypatch: pytest.MonkeyPatch) -> None:
    short = exported("two sparse by age with ranker")
    monkeypatch.setattr(decompositions, "_made_direct", lambda graph: False)
    with torch.no_grad():
        whole = to_graph(recommender("two sparse by age with ranker"))
    assert renamed(short) == renamed(whole)


def test_a_pipeline_goes_without(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*args: object, **kwargs: object) -> None:
        raise AssertionError("traced once more")

    monkeypatch.setattr(ExportedProgram, "run_decompositions", never)
    with torch.no_grad():
        to_graph(recommender("two"))


def test_operators_are_respelled_as_the_second_trace_does() -> None:
    traced = program(Without())
    with traced_once():
        assert traced.run_decompositions() is traced
    assert operators(traced) == ["aten.pow.Tensor_Scalar", "aten.sub.Tensor", "aten.view.default"]
    assert torch.equal(traced.module()(torch.full((3, 4), 2.0)), torch.full((12,), -3.0))


@pytest.mark.parametrize("module", [Apart(), Nothing()])
def test_others_are_traced_once_more(module: nn.Module) -> None:
    traced = program(module)
    before = operators(traced)
    with traced_once():
        assert traced.run_decompositions() is not traced
    assert operators(traced) == before


def test_torch_is_as_it_was_afterwards() -> None:
    before = ExportedProgram.run_decompositions
    with pytest.raises(KeyError), traced_once():
        raise KeyError
    assert ExportedProgram.run_decompositions is before


def test_the_exporter_has_a_translation_of_each() -> None:
    dropped = {torch.ops.aten._assert_scalar.default, torch.ops.aten._assert_tensor_metadata.default}
    translated = {metas[0].fx_target for metas in ONNXRegistry.from_torchlib().functions.values()}
    assert decompositions._TRANSLATED - dropped - translated == set()
