"""Lists selected by numpy are the graph's, ties, masks and wrong numbers included."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.synthetic import one_product_graph, write_model_folder
from selfrec.errors import ModelError
from selfrec.graph.building import Kind, graph_file, node
from selfrec.graph.session import start_session
from selfrec.graph_rewrites.edited import Edited
from selfrec.graph_rewrites.ranked import Products
from selfrec.graph_rewrites.scored import Scored, scored
from selfrec.graph_rewrites.screen import best_of_blocks
from selfrec.histories import Histories
from selfrec.model_folder.reading import open_model
from selfrec.scoring import selecting
from selfrec.scoring.blocks import Blocks
from selfrec.scoring.kernel import Lists, Scorer
from selfrec.scoring.selecting import Selecting
from selfrec.scoring.sessions import Array, Feeds, OneSession, Sessions, run_in_pieces
from selfrec.settings.tables import ScoringSettings
from tests.shapes import exported

NEVER = np.float32("-inf")
BLOCKS = {width: Blocks(width, OneSession(start_session(best_of_blocks(width), 1, 2**26))) for width in (16, 32)}
MASK: dict[str, Kind] = {
    "items": (np.dtype(np.int64), ("batch", "masked")),
    "never": (np.dtype(np.float32), ("batch", "masked")),
}


def select(
    values: np.ndarray, k: int, masked: Sequence[Sequence[int]] | None = None, width: int = 32
) -> tuple[np.ndarray, np.ndarray]:
    items = np.array([[] for _ in values] if masked is None else masked, dtype=np.int64)

    graph = graph_file(
        [node("Identity", ["given"], ["values"])],
        inputs={"given": (values.dtype, ("batch", "columns")), **MASK},
        outputs={"values": (values.dtype, ("batch", "columns")), **MASK},
    )
    made = Scored(Edited(graph, {}), "values", ("items", "never"))
    feeds = {"given": values, "items": items, "never": np.full(items.shape, NEVER)}
    return Selecting(made, OneSession(start_session(graph, 1, 2**26)), BLOCKS[width], k, None).run(feeds, ())


def test_by_hand() -> None:
    """Item 1 is masked; of the three with 5 the first two are in the list."""
    items, scores = select(np.array([[5, 9, 2, 5, 7, 5]], dtype=np.float32), 3, [[1, 1]])
    np.testing.assert_array_equal(items, [[4, 0, 3]])
    np.testing.assert_array_equal(scores, [[7, 5, 5]])


@given(
    seed=st.integers(0, 2**32 - 1),
    k=st.integers(1, 12),
    columns=st.sampled_from([12, 13, 64, 96, 992]),
    different=st.sampled_from([1, 3, 1000]),
    width=st.sampled_from([16, 32]),
)
def test_are_those_of_a_sort(seed: int, k: int, columns: int, different: int, width: int) -> None:
    """All scores equal, few, or none; by blocks and not; with much or nothing masked."""
    random = np.random.default_rng(seed)
    values = random.integers(0, different, (4, columns)).astype(np.float32)
    values[random.random(values.shape) < random.choice([0, 0.5, 1])] = NEVER
    items, scores = select(values, k, width=width)
    order = np.argsort(-values, axis=1, kind="stable")[:, :k]
    expected = np.take_along_axis(values, order, axis=1)
    np.testing.assert_array_equal(scores, expected)
    left = expected > NEVER
    np.testing.assert_array_equal(items[left], order[left])


@pytest.mark.parametrize("columns", [40, 992])
def test_a_score_that_is_no_number_is_not_passed_over(columns: int) -> None:
    values = np.arange(columns, dtype=np.float32)[None].repeat(2, axis=0)
    values[1, columns - 2] = np.nan
    _, scores = select(values, 4)
    np.testing.assert_array_equal(scores[0], np.arange(columns - 1, columns - 5, -1))
    assert np.isnan(scores[1]).any()


def lists(folder: Path, rows: Histories, k: int, bias: np.ndarray) -> tuple[Lists, Lists]:
    """Of the scorer that selects, and of the graph as it stands."""
    model = open_model(folder)
    settings = ScoringSettings(k=k, threads=1, screen=False)
    selecting, whole = (Scorer(model, settings, item_bias=bias, few=few) for few in (False, True))
    assert isinstance(selecting.runner._unscreened, Selecting)
    assert not isinstance(whole.runner._unscreened, Selecting)
    return selecting.score(rows), whole.score(rows)


class TestOfAGraph:
    N, D, K = 700, 8, 30

    def histories(self) -> Histories:
        random = np.random.default_rng(5)
        rows = [random.permutation(self.N)[: random.integers(0, 30)].tolist() for _ in range(200)]
        return Histories.from_rows([*rows, list(range(3, self.N)), list(range(self.N))], self.N)

    @pytest.mark.parametrize("boosted", [False, True])
    @pytest.mark.parametrize("k", [20, 30])
    def test_with_many_ties(self, tmp_path: Path, k: int, boosted: bool) -> None:
        """Each item ten times: nearly every list ends within a tie."""
        random = np.random.default_rng(3)
        few = random.integers(-2, 3, (2, 70, self.D)).astype(np.float32)
        encoder, decoder = (np.tile(table, (10, 1)) for table in few)
        write_model_folder(
            tmp_path / "model", one_product_graph(encoder, decoder, self.K), n_items=self.N, top_k=self.K
        )
        bias = np.zeros(self.N, dtype=np.float32)
        bias[::7] = 1.0 if boosted else NEVER
        selected, whole = lists(tmp_path / "model", self.histories(), k, bias)
        np.testing.assert_array_equal(selected.items, whole.items)
        np.testing.assert_allclose(selected.scores, whole.scores, rtol=1e-5, atol=1e-6)

    @pytest.mark.parametrize(
        "shape", ["one dense", "one factored", "two", "two sparse", "prior", "two sparse by position"]
    )
    def test_of_every_pipeline_without_a_ranker(self, tmp_path: Path, shape: str) -> None:
        write_model_folder(tmp_path / "model", exported(shape, self.N, self.K), n_items=self.N, top_k=self.K)
        selected, whole = lists(tmp_path / "model", self.histories(), 20, np.zeros(self.N, dtype=np.float32))
        np.testing.assert_array_equal(selected.items, whole.items)
        np.testing.assert_allclose(selected.scores, whole.scores, rtol=1e-4, atol=1e-5)

    @pytest.mark.parametrize("shape", ["two sparse", "two sparse by position", "two sparse by age with ranker"])
    def test_what_is_added_is_added_outside(self, tmp_path: Path, shape: str) -> None:
        """Short lists too: the graph's own adding costs more than its selection spares."""
        graph = exported(shape, self.N, self.K)
        found = cut(graph)
        assert found is not None
        assert found.added
        assert b"ScatterElements" not in found.graph.content
        write_model_folder(tmp_path / "model", graph, n_items=self.N, top_k=self.K)
        selected, whole = lists(tmp_path / "model", self.histories(), 3, np.zeros(self.N, dtype=np.float32))
        np.testing.assert_array_equal(selected.items, whole.items)
        np.testing.assert_allclose(selected.scores, whole.scores, rtol=1e-4, atol=1e-5)

    def test_two_that_are_added_come_in_their_order(self, tmp_path: Path) -> None:
        graph = exported("two sparse", self.N, self.K)
        [adding, mask] = [node for node in graph.graph.node if node.op_type == "ScatterElements"]
        more = onnx.NodeProto()
        more.CopyFrom(adding)
        more.input[0], more.output[0], more.name, mask.input[0] = adding.output[0], "more", "more", "more"
        graph.graph.node.insert(list(graph.graph.node).index(mask), more)
        found = cut(graph)
        assert found is not None
        assert (len(found.added), found.scores) == (2, adding.input[0])
        write_model_folder(tmp_path / "model", graph, n_items=self.N, top_k=self.K)
        selected, whole = lists(tmp_path / "model", self.histories(), 20, np.zeros(self.N, dtype=np.float32))
        np.testing.assert_array_equal(selected.items, whole.items)
        np.testing.assert_allclose(selected.scores, whole.scores, rtol=1e-4, atol=1e-5)

    @pytest.mark.parametrize("read", ["sum", "before"])
    def test_what_somebody_else_reads_is_added_inside(self, read: str) -> None:
        graph = exported("two sparse", self.N, self.K)
        [adding, _] = [node for node in graph.graph.node if node.op_type == "ScatterElements"]
        name = adding.output[0] if read == "sum" else adding.input[0]
        graph.graph.node.append(onnx.helper.make_node("Neg", [name], ["negative"]))
        found = cut(graph)
        assert found is not None
        assert (found.added, found.scores) == ((), adding.output[0])

    def test_a_graph_whose_scores_are_no_numbers_is_refused(self, tmp_path: Path) -> None:
        random = np.random.default_rng(3)
        encoder, decoder = random.normal(size=(2, self.N, self.D)).astype(np.float32)
        decoder[5] = np.nan
        write_model_folder(
            tmp_path / "model", one_product_graph(encoder, decoder, self.K), n_items=self.N, top_k=self.K
        )
        scorer = Scorer(open_model(tmp_path / "model"), ScoringSettings(k=20, threads=1))
        with pytest.raises(ModelError, match="no numbers"):
            scorer.score(self.histories())


def cut(graph: onnx.ModelProto) -> Scored | None:
    return scored(Edited(graph.SerializeToString(), {}))


def products_of(graph: onnx.ModelProto) -> Products | None:
    found = cut(graph)
    assert found is not None
    assert found.ranked is not None
    return found.ranked.products


class Multiplied(NamedTuple):
    rows: onnx.NodeProto
    products: list[onnx.NodeProto]


def of_candidates(graph: onnx.ModelProto) -> Multiplied:
    """The products of every candidate's factors and its user's queries."""
    gathers = {node.output[0]: node for node in graph.graph.node if node.op_type == "Gather"}
    tables = {one.name for one in graph.graph.initializer if len(one.dims) == 2 and one.dims[1] == 17}
    found = [
        (gathers[node.input[0]], node)
        for node in graph.graph.node
        if node.op_type == "MatMul" and node.input[0] in gathers and gathers[node.input[0]].input[0] in tables
    ]
    assert len({rows.output[0] for rows, _ in found}) == 1
    return Multiplied(found[0][0], [product for _, product in found])


def noting(sizes: list[int]) -> Callable[..., list[Array]]:
    """`run_in_pieces` that notes how many rows it is asked to run at a time."""

    def run(session: Sessions, names: list[str], feeds: Feeds, shared: Feeds, rows: int) -> list[Array]:
        sizes.append(rows)
        return run_in_pieces(session, names, feeds, shared, rows)

    return run


class TestOfAGraphWithARanker:
    def histories(self, n_items: int) -> Histories:
        random = np.random.default_rng(5)
        rows = [random.permutation(n_items)[: random.integers(0, 30)].tolist() for _ in range(200)]
        return Histories.from_rows([*rows, list(range(3, n_items)), list(range(n_items))], n_items)

    @pytest.mark.parametrize("shape", ["one with ranker", "two factored with ranker", "two sparse by age with ranker"])
    @pytest.mark.parametrize("n_items", [300, 3000])
    @pytest.mark.parametrize("k", [3, 20])
    def test_lists_are_the_same(self, tmp_path: Path, shape: str, n_items: int, k: int) -> None:
        """Candidates in one stage and in two; users who are new, and who have seen all, all but three, or few."""
        histories = self.histories(n_items)
        write_model_folder(tmp_path / "model", exported(shape, n_items, 20), n_items=n_items, top_k=20)
        bias = np.zeros(n_items, dtype=np.float32)
        bias[::5] = NEVER
        bias[::7] = 1.0
        selected, whole = lists(tmp_path / "model", histories, k, bias)
        np.testing.assert_array_equal(selected.items, whole.items)
        np.testing.assert_allclose(selected.scores, whole.scores, rtol=1e-4, atol=1e-5)

    @pytest.mark.parametrize("factor", ["of each user", "of all users", "of the batch"])
    def test_products_are_worked_out_of_few_users_at_a_time(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, factor: str
    ) -> None:
        graph, n_items = exported("two factored with ranker", 300, 20), 300
        rows, products = of_candidates(graph)
        assert len(products) == 2
        if factor != "of each user":
            [table] = [one for one in graph.graph.initializer if one.name == rows.input[0]]
            shape = {"of all users": [table.dims[1], 1], "of the batch": [1, table.dims[1], 1]}[factor]
            same = np.random.default_rng(1).normal(size=shape).astype(np.float32)
            graph.graph.initializer.append(onnx.numpy_helper.from_array(same, "same"))
            graph.graph.node.insert(0, onnx.helper.make_node("Neg", ["same"], ["factor"]))
            products[1].input[1] = "factor"
        found = cut(graph)
        assert found is not None
        assert found.ranked is not None
        factors, names = ((one.input[1] for one in products), (one.output[0] for one in products))
        assert found.ranked.products == Products(tuple(factors), tuple(names), 17)
        rest = found.ranked.graph(dict.fromkeys(found.ranked.passed, "tensor(float)"))
        assert rest is not None
        assert rows.input[0].encode() not in rest.content
        write_model_folder(tmp_path / "model", graph, n_items=n_items, top_k=20)
        sizes: list[int] = []
        monkeypatch.setattr(selecting, "PIECE_BYTES", 3 * 4 * 17 * 20)
        monkeypatch.setattr(selecting, "run_in_pieces", noting(sizes))
        selected, whole = lists(tmp_path / "model", self.histories(n_items), 20, np.zeros(n_items, dtype=np.float32))
        np.testing.assert_array_equal(selected.items, whole.items)
        np.testing.assert_allclose(selected.scores, whole.scores, rtol=1e-4, atol=1e-5)
        assert set(sizes) == {3}

    def test_products_of_what_follows_from_the_scores_stay_in_the_graph(self) -> None:
        graph = exported("two factored with ranker", 300, 20)
        product = of_candidates(graph).products[0]
        [mask] = [node for node in graph.graph.node if node.op_type == "ScatterElements"]
        [scores] = [node for node in graph.graph.node if node.op_type == "GatherND" and node.input[0] == mask.output[0]]
        place = list(graph.graph.node).index(product)
        graph.graph.node.insert(place, onnx.helper.make_node("ReduceMax", [scores.output[0]], ["best"]))
        graph.graph.node.insert(place + 1, onnx.helper.make_node("Mul", [product.input[1], "best"], ["factor"]))
        product.input[1] = "factor"
        assert products_of(graph) is None

    def test_so_do_products_whose_rows_are_read_by_others(self) -> None:
        graph = exported("two factored with ranker", 300, 20)
        rows, products = of_candidates(graph)
        place = list(graph.graph.node).index(products[0])
        graph.graph.node.insert(place, onnx.helper.make_node("Neg", [rows.output[0]], ["negative"]))
        assert products_of(graph) is None

    def test_candidates_that_are_chosen_in_another_way_stay_in_the_graph(self) -> None:
        graph = exported("one with ranker", 300, 20)
        found = cut(graph)
        assert found is not None
        assert found.ranked is not None
        assert found.ranked.last == 300
        [limit] = [node for node in graph.graph.node if node.op_type == "Min"]
        limit.op_type = "Max"
        assert cut(graph) is None

    def test_so_they_do_where_the_ranker_reads_other_scores(self) -> None:
        graph = exported("one with ranker", 300, 20)
        [mask] = [node for node in graph.graph.node if node.op_type == "ScatterElements"]
        [scores] = [node for node in graph.graph.node if node.op_type == "GatherND" and node.input[0] == mask.output[0]]
        scores.input[0] = mask.input[0]
        assert cut(graph) is None


def test_a_graph_that_reads_its_scores_twice_is_taken_as_it_is() -> None:
    table = np.ones((700, 8), dtype=np.float32)
    graph = one_product_graph(table, table, 20)
    assert cut(graph) is not None
    [mask] = [node for node in graph.graph.node if node.op_type == "ScatterElements"]
    graph.graph.node.append(onnx.helper.make_node("Neg", [mask.output[0]], ["negative"]))
    assert cut(graph) is None
