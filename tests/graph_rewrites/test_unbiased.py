"""The graph without its pass for the item bias: the same lists bit for bit, and only where nothing else can change."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import helper, numpy_helper

from benchmarks.synthetic import one_product_graph, write_model_folder
from selfrec.graph.wire import replace_field
from selfrec.graph_rewrites.edited import Source
from selfrec.graph_rewrites.unbiased import without_bias
from selfrec.histories import Histories
from selfrec.model_folder.reading import Model, open_model
from selfrec.scoring.kernel import Scorer
from selfrec.settings.tables import ScoringSettings

N, D, K = 70, 5, 3


def graph_of(*, blocks: bool = True) -> onnx.ModelProto:
    draw = np.random.default_rng(3)
    encoder, decoder = (draw.normal(size=(N, D)).astype(np.float32) for _ in range(2))
    # All scores of most users are below 0: a column past N that were not excluded would be the best.
    return one_product_graph(np.abs(encoder), -np.abs(decoder), K, blocks=blocks)


def unbiased(graph: onnx.ModelProto) -> onnx.ModelProto | None:
    found = without_bias(Source(memoryview(graph.SerializeToString())), N)
    return None if found is None else onnx.load_from_string(found.content)


@pytest.mark.parametrize("blocks", [True, False])
def test_only_the_bias_of_the_product_goes(blocks: bool) -> None:
    graph = graph_of(blocks=blocks)
    changed = unbiased(graph)
    assert changed is not None
    onnx.checker.check_model(changed, full_check=True)
    [product] = [node for node in graph.graph.node if node.op_type == "Gemm"]
    del product.input[2]
    assert changed == graph


@pytest.mark.parametrize("blocks", [True, False])
@pytest.mark.parametrize("repeats", [True, False])
def test_the_lists_are_the_same_bit_for_bit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, blocks: bool, repeats: bool
) -> None:
    write_model_folder(tmp_path / "model", graph_of(blocks=blocks), n_items=N, top_k=K)
    model, settings = open_model(tmp_path / "model"), ScoringSettings(k=K, threads=1, repeats=repeats)
    draw = np.random.default_rng(0)
    # Some have seen so much that their lists are short, some nothing.
    rows = Histories.from_rows([draw.permutation(N)[: draw.integers(0, N + 1)].tolist() for _ in range(400)], N)
    quick = Scorer(model, settings)
    assert quick.runner._padding_columns.tolist() == list(range(N, 96 if blocks else N + 1))
    monkeypatch.setattr(Model, "unbiased", lambda self: None)
    plain = Scorer(model, settings)
    assert not len(plain.runner._padding_columns)
    for other in (rows, Histories.from_rows([row[:1] for row in rows_of(rows)], N)):
        lists, expected = quick.score(rows, other), plain.score(rows, other)
        assert lists.items.tobytes() == expected.items.tobytes()
        assert lists.scores.tobytes() == expected.scores.tobytes()
    assert (expected.items < N).any()


def rows_of(rows: Histories) -> list[list[int]]:
    return [rows.items[a:b].tolist() for a, b in zip(rows.offsets[:-1], rows.offsets[1:], strict=True)]


def test_a_bias_keeps_its_pass(tmp_path: Path) -> None:
    write_model_folder(tmp_path / "model", graph_of(), n_items=N, top_k=K)
    bias = np.zeros(N, dtype=np.float32)
    bias[3] = -np.inf
    scorer = Scorer(open_model(tmp_path / "model"), ScoringSettings(k=K, threads=1), item_bias=bias)
    assert not len(scorer.runner._padding_columns)
    items = scorer.score(Histories.from_rows([[1], [2, 4]], N)).items
    assert 3 not in items


def add_a_reader(graph: onnx.GraphProto) -> None:
    graph.node.append(helper.make_node("Add", ["all_scores", "never"], ["more"]))


def mask_something_else(graph: onnx.GraphProto) -> None:
    [mask] = [node for node in graph.node if node.op_type == "ScatterElements"]
    mask.input[1] = "history"


def other_padding(graph: onnx.GraphProto) -> None:
    [padding] = [tensor for tensor in graph.initializer if tensor.name == "no_item"]
    values = numpy_helper.to_array(padding).copy()
    values[0] = 1
    padding.CopyFrom(numpy_helper.from_array(values, "no_item"))


def two_products(graph: onnx.GraphProto) -> None:
    graph.node.append(helper.make_node("Gemm", ["query", "factors", "bias"], ["again"]))


def another_order(graph: onnx.GraphProto) -> None:
    [padded] = [node for node in graph.node if node.op_type == "Concat" and "item_bias" in node.input]
    padded.input[:] = ["no_item", "item_bias"]


@pytest.mark.parametrize(
    "change", [add_a_reader, mask_something_else, other_padding, two_products, another_order], ids=lambda f: f.__name__
)
def test_another_form_is_left_alone(change: Callable[[onnx.GraphProto], None]) -> None:
    graph = graph_of()
    change(graph.graph)
    assert unbiased(graph) is None


@given(names=st.lists(st.text(max_size=300), min_size=1, max_size=5), data=st.data())
def test_a_field_is_replaced_or_left_out(names: list[str], data: st.DataObject) -> None:
    node = helper.make_node("Gemm", names, ["out"], alpha=0.5, transB=1)
    place, text = data.draw(st.integers(0, len(names) - 1)), data.draw(st.text(max_size=20_000))
    message = memoryview(node.SerializeToString())
    swapped = onnx.NodeProto.FromString(b"".join(replace_field(message, 1, place, [text.encode()])))
    without = onnx.NodeProto.FromString(b"".join(replace_field(message, 1, place, None)))
    assert list(swapped.input) == [*names[:place], text, *names[place + 1 :]]
    assert list(without.input) == [*names[:place], *names[place + 1 :]]
    for other in (swapped, without):
        other.input[:] = names
        assert other == node
    with pytest.raises(IndexError):
        replace_field(message, 1, len(names), None)
