"""The graph in two: head and tail together give what the graph gives, and each holds only what it needs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from benchmarks.synthetic import one_product_graph, write_model_folder
from selfrec.graph.reading import read_graph
from selfrec.graph.session import start_session
from selfrec.graph_rewrites.edited import Edited
from selfrec.graph_rewrites.in_two import InTwo, Pooling, find_pooling
from selfrec.histories import Histories
from selfrec.model_folder.reading import Model, open_model
from selfrec.scoring.kernel import Scorer
from selfrec.scoring.sessions import Feeds
from selfrec.settings.tables import ScoringSettings
from tests.shapes import exported

N, D, K = 400, 16, 10


def graph_of(**options: bool) -> onnx.ModelProto:
    random = np.random.default_rng(3)
    encoder, decoder = (random.normal(size=(N, D)).astype(np.float32) for _ in range(2))
    return one_product_graph(encoder, decoder, K, **options)


def pooling_of(graph: onnx.ModelProto) -> Pooling | None:
    return find_pooling(read_graph(memoryview(graph.SerializeToString())))


def histories(users: int = 300, longest: int = 60) -> Histories:
    random = np.random.default_rng(5)
    return Histories.from_rows([random.permutation(N)[: random.integers(0, longest)].tolist() for _ in range(users)], N)


def wider_beside(graph: onnx.GraphProto) -> None:
    table = np.zeros((N + 1, D + 1), dtype=np.float32)
    graph.initializer.append(numpy_helper.from_array(table, "wider"))
    graph.node.insert(3, helper.make_node("MatMul", ["weights_row", "more"], ["wider_row"]))
    graph.node.insert(3, helper.make_node("Gather", ["wider", "history"], ["more"]))


class TestPooling:
    def test_is_the_sum_of_the_embeddings(self) -> None:
        assert pooling_of(graph_of()) == Pooling("pooled_row", D)

    def test_is_the_widest(self) -> None:
        graph = graph_of()
        wider_beside(graph.graph)
        assert pooling_of(graph) == Pooling("wider_row", D + 1)

    def test_is_not_there_where_no_embeddings_are_gathered(self) -> None:
        assert pooling_of(exported("prior", N, K)) is None


def read_the_embeddings_twice(graph: onnx.GraphProto) -> None:
    graph.node.append(helper.make_node("ReduceSum", ["embedded"], ["total"]))


def gather_columns(graph: onnx.GraphProto) -> None:
    [gather] = [node for node in graph.node if node.op_type == "Gather"]
    gather.attribute.append(helper.make_attribute("axis", 1))


def weigh_by_the_bias(graph: onnx.GraphProto) -> None:
    [unsqueeze] = [node for node in graph.node if node.output[0] == "weights_row"]
    unsqueeze.input[0] = "item_bias"


def from_the_other_side(graph: onnx.GraphProto) -> None:
    [product] = [node for node in graph.node if node.output[0] == "pooled_row"]
    product.input[:] = product.input[::-1]


def flatten_the_history(graph: onnx.GraphProto) -> None:
    [gather] = [node for node in graph.node if node.op_type == "Gather"]
    gather.input[1] = "flat"
    graph.node.insert(0, helper.make_node("Flatten", ["history"], ["flat"], axis=0))


def weights_of_another_make(graph: onnx.GraphProto) -> None:
    [product] = [node for node in graph.node if node.output[0] == "pooled_row"]
    product.input[0] = "scaled"
    graph.node.insert(2, helper.make_node("Mul", ["weights_row", "weights_row"], ["scaled"]))


@pytest.mark.parametrize(
    "change",
    [
        read_the_embeddings_twice,
        gather_columns,
        weigh_by_the_bias,
        from_the_other_side,
        flatten_the_history,
        weights_of_another_make,
    ],
    ids=lambda f: f.__name__,
)
def test_other_graphs_stay_whole(change: Callable[[onnx.GraphProto], None]) -> None:
    graph = graph_of()
    change(graph.graph)
    assert pooling_of(graph) is None


def parts_of(model: Model, edited: Edited | None = None) -> InTwo:
    parts = model.in_two(edited)
    assert parts is not None
    return parts


def feeds_of(rows: int, length: int, seed: int = 0) -> Feeds:
    random = np.random.default_rng(seed)
    history = np.stack([random.permutation(N + 1)[:length] for _ in range(rows)])
    return {
        "history": history,
        "weights": np.where(history < N, 1, 0).astype(np.float32),
        "exclude": history,
        "item_bias": np.zeros(N, dtype=np.float32),
    }


class TestParts:
    @pytest.fixture
    def model(self, tmp_path: Path) -> Model:
        write_model_folder(tmp_path / "model", graph_of(), n_items=N, top_k=K)
        return open_model(tmp_path / "model")

    def test_are_whole_files_with_what_they_need(self, model: Model) -> None:
        parts = parts_of(model)
        head, tail = (onnx.load_from_string(part.content).graph for part in (parts.head, parts.tail))
        assert [node.op_type for node in head.node] == ["Gather", "Unsqueeze", "MatMul"]
        assert [one.name for one in head.input] == list(parts.head_inputs) == ["history", "weights"]
        assert [one.name for one in head.output] == ["pooled_row"]
        assert {one.name for one in head.initializer} == {"encoder", "one"}
        assert not {"encoder"} & {one.name for one in tail.initializer}
        assert [one.name for one in tail.input] == ["pooled_row", *parts.tail_inputs]
        assert parts.tail_inputs == ("exclude", "item_bias")
        assert [one.name for one in tail.output] == ["items", "scores"]

    @pytest.mark.parametrize("unbiased", [True, False])
    def test_give_together_what_the_graph_gives(self, model: Model, *, unbiased: bool) -> None:
        edited = model.unbiased() if unbiased else None
        parts, feeds = parts_of(model, edited), feeds_of(9, 20)
        head, tail = (start_session(part.content, 1, 2**26, tensors=part.tensors) for part in (parts.head, parts.tail))
        [pooled] = head.run(None, {name: feeds[name] for name in parts.head_inputs})
        found = tail.run(None, {name: feeds[name] for name in parts.tail_inputs} | {parts.pooling.name: pooled})
        whole = model.session(graph=edited)
        names = {one.name for one in whole.get_inputs()}
        expected = whole.run(None, {name: values for name, values in feeds.items() if name in names})
        for one, other in zip(found, expected, strict=True):
            assert one.tobytes() == other.tobytes()

    def test_a_list_length_reaches_the_tail(self, model: Model) -> None:
        scorer = Scorer(model, ScoringSettings(k=3, threads=1))
        assert scorer.runner.pooled == D
        assert scorer.score(histories()).items.shape == (300, 3)


@pytest.mark.parametrize("k", [1, K])
@pytest.mark.parametrize("blocks", [True, False])
def test_lists_are_those_of_the_graph_as_it_stands(tmp_path: Path, k: int, *, blocks: bool) -> None:
    write_model_folder(tmp_path / "model", graph_of(blocks=blocks), n_items=N, top_k=K)
    model, rows = open_model(tmp_path / "model"), histories(700, longest=200)
    in_two, whole = (Scorer(model, ScoringSettings(k=k, threads=2), few=few) for few in (False, True))
    assert in_two.runner.pooled == D
    assert whole.runner.pooled is None
    found, expected = in_two.score(rows), whole.score(rows)
    np.testing.assert_allclose(found.scores, expected.scores, rtol=1e-5)
    assert (found.items == expected.items).mean() > 0.999


@pytest.mark.parametrize("shape", ["one factored", "two sparse by position", "two sparse by age with ranker"])
def test_lists_of_exported_pipelines(tmp_path: Path, shape: str) -> None:
    """Sparse generators and rankers read the history beside the sums; ages weigh it in both parts."""
    write_model_folder(tmp_path / "model", exported(shape, N, K), n_items=N, top_k=K)
    model, rows = open_model(tmp_path / "model"), histories()
    in_two, whole = (Scorer(model, ScoringSettings(k=K, threads=1), few=few) for few in (False, True))
    assert in_two.runner.pooled
    np.testing.assert_allclose(in_two.score(rows).scores, whole.score(rows).scores, rtol=2e-4, atol=1e-5)
