"""The graph with a first product in 8 bits: bounds that hold, the lists of the graph, None for every other graph."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import helper, numpy_helper

from benchmarks.synthetic import one_product_graph, write_model_folder
from selfrec.graph_rewrites.bytes_table import bytes_table
from selfrec.graph_rewrites.edited import Source
from selfrec.graph_rewrites.screen import EIGHT_BITS, SEVEN_BITS, Form
from selfrec.graph_rewrites.screened import screened
from selfrec.histories import Histories
from selfrec.model_folder.reading import Model, open_model
from selfrec.scoring import processor, running
from selfrec.scoring.batches import Piece
from selfrec.scoring.kernel import Lists, Scorer
from selfrec.scoring.sessions import Feeds, Found
from selfrec.settings.tables import ScoringSettings
from tests.model_folder.altered import rehash
from tests.shapes import exported

N, D, K = 4000, 16, 10


FORMS = pytest.mark.parametrize("form", [EIGHT_BITS, SEVEN_BITS], ids=["8 bits", "7 bits"])


def by_hand(query: np.ndarray, table: Any, form: Form) -> tuple[np.ndarray, float]:
    """The bounds of all items' scores by the formulas of bytes_table.py, in float64, and what rounding may add."""
    turned = query.astype(np.float64) @ table.turn
    unit = max(np.abs(turned).max(), 1e-30) / form.most
    scaled = turned / unit
    whole, length = np.rint(scaled), np.linalg.norm(scaled)
    rest = scaled - whole
    first = table.cosine * np.linalg.norm(rest) + abs(rest @ scaled) / max(length, 1)
    second = length + np.linalg.norm(rest) / table.cosine
    first, second = np.ceil(first * table.of_rest), np.ceil(second * table.of_length)
    numbers = np.concatenate([whole, [first, second]]) @ table.whole
    return unit * table.unit * numbers + query @ table.mean.astype(np.float64), table.rounding * np.linalg.norm(query)


@st.composite
def tables(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    """Factors and queries, some with columns, rows or lengths out of all proportion."""
    d, seed = draw(st.integers(1, 40)), draw(st.integers(0, 2**32 - 1))
    random = np.random.default_rng(seed)
    factors, queries = random.normal(size=(50, d)), random.normal(size=(8, d))
    scales = [0.0, 1e-6, 1.0, 1e3]
    factors[:, random.integers(d)] *= draw(st.sampled_from(scales))
    factors[random.integers(50)] *= draw(st.sampled_from(scales))
    queries[:, random.integers(d)] *= draw(st.sampled_from(scales))
    factors += draw(st.sampled_from([0.0, 5.0]))
    return factors.astype(np.float32), queries.astype(np.float32)


class TestBound:
    @FORMS
    @given(drawn=tables())
    def test_no_score_is_above_its_bound(self, form: Form, drawn: tuple[np.ndarray, np.ndarray]) -> None:
        factors, queries = drawn
        table = bytes_table(factors, len(factors))
        assert table is not None
        for query in queries:
            bounds, rounding = by_hand(query, table, form)
            scores = factors.astype(np.float64) @ query.astype(np.float64)
            assert (bounds + rounding >= scores).all()

    @pytest.mark.parametrize(
        ("d", "cosine", "form", "gap"),
        [
            (64, 1.0, EIGHT_BITS, 0.25),
            (256, 0.576, EIGHT_BITS, 0.25),
            (512, 0.407, EIGHT_BITS, 0.28),
            (256, 0.576, SEVEN_BITS, 0.4),
        ],
    )
    def test_wide_ones_are_near(self, d: int, cosine: float, form: Form, gap: float) -> None:
        """2 exp(-254 .576^2 / 2) = 1e-18; not one of 200,000 pairs is above its bound, nor far below."""
        random = np.random.default_rng(0)
        factors, queries = random.normal(size=(4000, d)).astype(np.float32), random.normal(size=(50, d))
        table = bytes_table(factors, 4000)
        assert table is not None
        assert table.cosine == pytest.approx(cosine, abs=1e-3)
        for query in queries.astype(np.float32):
            bounds, rounding = by_hand(query, table, form)
            scores = factors.astype(np.float64) @ query.astype(np.float64)
            assert (bounds + rounding >= scores).all()
            assert (bounds - scores).max() < gap * scores.std()

    def test_the_rotation_is_one(self) -> None:
        table = bytes_table(np.random.default_rng(0).normal(size=(40, 30)).astype(np.float32), 40)
        assert table is not None
        np.testing.assert_allclose(table.turn @ table.turn.T, np.eye(30), atol=1e-6)

    def test_rows_past_the_items_count_for_nothing(self) -> None:
        factors = np.ones((40, 3), dtype=np.float32)
        factors[30:] = np.nan
        table = bytes_table(factors, 30)
        assert table is not None
        assert not table.whole[:, 30:].any()

    @pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf])
    def test_factors_that_are_no_numbers_have_none(self, wrong: float) -> None:
        factors = np.ones((40, 3), dtype=np.float32)
        factors[7, 1] = wrong
        assert bytes_table(factors, 40) is None


def a_model(folder: Path, *, decoder: np.ndarray | None = None) -> Model:
    random = np.random.default_rng(3)
    encoder = random.normal(size=(N, D)).astype(np.float32)
    decoder = random.normal(size=(N, D)).astype(np.float32) if decoder is None else decoder
    write_model_folder(folder, one_product_graph(encoder, decoder, K), n_items=N, top_k=K)
    return open_model(folder)


def histories(users: int = 300, longest: int = 60) -> Histories:
    random = np.random.default_rng(5)
    rows = [random.permutation(N)[: random.integers(0, longest)].tolist() for _ in range(users)]
    # One has all items but three, one all of them.
    return Histories.from_rows([*rows, list(range(3, N)), list(range(N))], N)


def both(model: Model, rows: Histories, k: int = K, bias: np.ndarray | None = None) -> tuple[Lists, Lists, Scorer]:
    """Screened and whole, and the scorer that screens."""
    screens = Scorer(model, ScoringSettings(k=k, threads=1, screen=True), item_bias=bias)
    whole = Scorer(model, ScoringSettings(k=k, threads=2, screen=False), item_bias=bias)
    assert screens.runner.candidates
    assert whole.runner.candidates is None
    return screens.score(rows), whole.score(rows), screens


def assert_alike(screened_lists: Lists, whole: Lists) -> None:
    np.testing.assert_allclose(screened_lists.scores, whole.scores, rtol=1e-5)
    np.testing.assert_array_equal(screened_lists.items, whole.items)


needs_exact_bytes = pytest.mark.skipif(
    processor.exact_form() is None, reason="this processor cuts sums of bytes off; nothing is screened on it"
)


@needs_exact_bytes
class TestLists:
    @pytest.mark.parametrize("k", [1, 3, K])
    def test_are_those_of_the_graph(self, tmp_path: Path, k: int) -> None:
        model = a_model(tmp_path / "model")
        screened_lists, whole, _ = both(model, histories(), k)
        assert_alike(screened_lists, whole)
        assert (screened_lists.items[-2] < N).sum() == min(3, k)
        assert (screened_lists.items[-1] == N).all()

    def test_removed_items_are_removed(self, tmp_path: Path) -> None:
        bias = np.zeros(N, dtype=np.float32)
        bias[::2] = -np.inf
        screened_lists, whole, _ = both(a_model(tmp_path / "model"), histories(), bias=bias)
        assert_alike(screened_lists, whole)
        left = screened_lists.items[screened_lists.items < N]
        assert (left % 2 == 1).all()

    def test_equal_scores_fall_to_the_lower_number(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Each item 1,000 times: no bound can tell them apart, so the graph is asked."""
        few = np.random.default_rng(3).integers(-3, 4, (4, D)).astype(np.float32)
        model = a_model(tmp_path / "model", decoder=np.tile(few, (1000, 1)))
        screened_lists, whole, scorer = both(model, histories(40, longest=5))
        np.testing.assert_array_equal(screened_lists.items, whole.items)
        asked: list[int] = []
        run = scorer.runner.run

        def counting(feeds: Feeds, pieces: Sequence[Piece]) -> Found:
            asked.append(len(feeds["history"]))
            return run(feeds, pieces)

        monkeypatch.setattr(scorer.runner, "run", counting)
        scorer.score(histories(40, longest=5))
        assert sum(asked) >= 40

    def test_do_not_depend_on_who_is_scored_beside(self, tmp_path: Path) -> None:
        scorer = Scorer(a_model(tmp_path / "model"), ScoringSettings(k=K, threads=2, screen=True))
        rows = histories()
        together = scorer.score(rows)
        alone = scorer.score(rows.take(np.array([17])))
        assert alone.items[0].tobytes() == together.items[17].tobytes()
        assert alone.scores[0].tobytes() == together.scores[17].tobytes()

    @pytest.mark.parametrize("shape", ["one factored", "two sparse", "two sparse by position"])
    def test_of_an_exported_pipeline(self, tmp_path: Path, shape: str) -> None:
        write_model_folder(tmp_path / "model", exported(shape, N, K), n_items=N, top_k=K)
        screened_lists, whole, _ = both(open_model(tmp_path / "model"), histories())
        assert_alike(screened_lists, whole)

    @pytest.mark.parametrize("strength", [0.0, 1e-3, 1.0, 1e3, -1.0])
    def test_of_what_a_sparse_generator_adds(self, tmp_path: Path, strength: float) -> None:
        """From nothing beside the product to nothing but what is added."""
        graph = exported("two sparse", N, K)
        [strengths] = [one for one in graph.graph.initializer if one.name.endswith("strengths")]
        scaled = numpy_helper.to_array(strengths) * np.float32(strength)
        strengths.CopyFrom(numpy_helper.from_array(scaled, strengths.name))
        write_model_folder(tmp_path / "model", graph, n_items=N, top_k=K)
        screened_lists, whole, _ = both(open_model(tmp_path / "model"), histories())
        assert_alike(screened_lists, whole)

    @pytest.mark.parametrize("smallest", [1000, 100_000])
    def test_of_weights_beside_the_graph(self, tmp_path: Path, smallest: int) -> None:
        """All three forms: screened, without its bias, as it stands."""
        expected, _, _ = both(a_model(tmp_path / "model"), histories())
        place = tmp_path / "model" / "model.onnx"
        onnx.save_model(
            onnx.load(place), place, save_as_external_data=True, location="model.onnx.data", size_threshold=smallest
        )
        rehash(tmp_path / "model", "model.onnx.data")
        model = open_model(tmp_path / "model")
        assert model.surface.n_items == N
        screened_lists, whole, _ = both(model, histories())
        assert screened_lists.scores.tobytes() == expected.scores.tobytes()
        assert_alike(screened_lists, whole)
        plain = Scorer(model, ScoringSettings(k=K, threads=1), few=True).score(histories())
        assert plain.items.tobytes() == whole.items.tobytes()

    def test_are_told_of_once(self, tmp_path: Path) -> None:
        told: list[int] = []
        scorer = Scorer(a_model(tmp_path / "model"), ScoringSettings(k=K, threads=1, screen=True))
        scorer.score(histories(), on_users=told.append)
        assert sum(told) == 302


def of(graph: onnx.ModelProto, k: int = K) -> bytes | None:
    found = screened(Source(memoryview(graph.SerializeToString())), N, k, forced=True)
    return None if found is None else found.bounds.content


def graph_of() -> onnx.ModelProto:
    random = np.random.default_rng(3)
    encoder, decoder = (random.normal(size=(N, D)).astype(np.float32) for _ in range(2))
    return one_product_graph(encoder, decoder, K)


def scale_the_product(graph: onnx.GraphProto) -> None:
    [product] = [one for one in graph.node if one.op_type == "Gemm"]
    product.attribute.append(helper.make_attribute("alpha", 2.0))


def add_a_ranker(graph: onnx.GraphProto) -> None:
    graph.node[-1].output[0] = "unranked"
    graph.node.append(helper.make_node("Identity", ["unranked"], ["items"]))


def read_the_scores_twice(graph: onnx.GraphProto) -> None:
    graph.node.append(helper.make_node("Neg", ["masked"], ["negative"]))


def take_a_name_of_the_screen(graph: onnx.GraphProto) -> None:
    graph.node.insert(0, helper.make_node("Identity", ["history"], ["screen_3"]))


def spoil_a_factor(graph: onnx.GraphProto) -> None:
    [factors] = [one for one in graph.initializer if one.name == "factors"]
    values = numpy_helper.to_array(factors).copy()
    values[5, 5] = np.nan
    factors.CopyFrom(numpy_helper.from_array(values, "factors"))


class TestEdited:
    def test_large_constants_are_views_of_the_file(self) -> None:
        content = memoryview(graph_of().SerializeToString())
        found = screened(Source(content), N, K, forced=True)
        assert found is not None
        assert len(found.bounds.content) + len(found.exact.content) < 60_000
        tables = [found.bounds.tensors["encoder"], found.exact.tensors["factors"]]
        assert all(np.shares_memory(table, np.frombuffer(content, dtype=np.uint8)) for table in tables)

    def test_both_parts_are_whole_files_but_for_them(self) -> None:
        found = screened(Source(memoryview(graph_of().SerializeToString())), N, K, forced=True)
        assert found is not None
        for part, names in ((found.bounds, {"encoder", "screen_of_whole"}), (found.exact, {"factors"})):
            graph = onnx.load_from_string(part.content).graph
            outside = {one.name: tuple(one.dims) for one in graph.initializer if one.data_location == one.EXTERNAL}
            assert outside == {name: array.shape for name, array in part.tensors.items()}
            assert names <= outside.keys()


class TestOtherGraphs:
    def test_this_one_has_a_screen(self) -> None:
        assert of(graph_of()) is not None

    @pytest.mark.parametrize(
        "change", [scale_the_product, add_a_ranker, read_the_scores_twice, take_a_name_of_the_screen, spoil_a_factor]
    )
    def test_have_none(self, change: Callable[[onnx.GraphProto], None]) -> None:
        graph = graph_of()
        change(graph.graph)
        assert of(graph) is None

    @pytest.mark.parametrize("shape", ["one dense", "two", "one with ranker", "two sparse by age with ranker"])
    def test_other_pipelines_have_none(self, shape: str) -> None:
        assert of(exported(shape, N, K)) is None

    def test_a_list_of_a_large_part_of_the_catalog_has_none(self) -> None:
        assert of(graph_of(), k=90) is None

    def test_nothing_is_gained_on_a_small_product(self) -> None:
        assert screened(Source(memoryview(graph_of().SerializeToString())), N, K) is None


class TestChoice:
    def scorer(self, folder: Path, bias: np.ndarray | None = None, *, few: bool = False) -> Scorer:
        settings = ScoringSettings(k=K, threads=1, screen=True)
        return Scorer(a_model(folder), settings, item_bias=bias, few=few)

    def test_a_boost_is_in_no_unit_of_a_bound(self, tmp_path: Path) -> None:
        assert self.scorer(tmp_path / "model", np.full(N, 0.5, dtype=np.float32)).runner.candidates is None

    def test_few_users_take_the_graph_as_it_stands(self, tmp_path: Path) -> None:
        assert self.scorer(tmp_path / "model", few=True).runner.candidates is None

    def test_a_processor_whose_sums_are_cut_off_screens_nothing(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(running, "exact_form", lambda: None)
        assert self.scorer(tmp_path / "model").runner.candidates is None

    def test_fewer_bits_take_more_candidates(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """8 + 10 x 9 / 5 = 26, and half as many again."""
        monkeypatch.setattr(running, "exact_form", lambda: SEVEN_BITS)
        monkeypatch.setattr(running, "adds_up", lambda form: True)
        assert self.scorer(tmp_path / "model").runner.candidates == 39

    def test_the_coarser_form_is_exact_wherever_the_finer_is(self) -> None:
        assert not processor.adds_up(EIGHT_BITS) or processor.adds_up(SEVEN_BITS)

    @pytest.mark.parametrize(
        ("info", "form"),
        [
            ("processor : 0\nflags\t\t: fpu avx2 avx512_vnni\n", EIGHT_BITS),
            ("flags : sse avx_vnni\n", EIGHT_BITS),
            ("flags : avx2 avx512f\n", SEVEN_BITS),
            ("flags : sse4_2 avx\n", None),
            ("Features : asimd\n", None),
            ("", None),
        ],
    )
    def test_processors(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, info: str, form: Form | None) -> None:
        place = tmp_path / "cpuinfo"
        place.write_text(info)
        monkeypatch.setattr(processor, "_INFO", place)
        assert processor.quick_form.__wrapped__() is form

    def test_a_system_without_the_file_screens_nothing(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(processor, "_INFO", tmp_path / "none")
        assert processor.quick_form.__wrapped__() is None

    @pytest.mark.parametrize("form", [EIGHT_BITS, SEVEN_BITS, None])
    def test_unset_it_is_the_processor_and_the_catalog_that_decide(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: Form | None
    ) -> None:
        """7,168 x 1,024 factors are worth it: 26 candidates in 8 bits, 39 in 7, of 120,000 each; 4,000 x 16 are not."""
        random = np.random.default_rng(3)
        wide, factors = random.normal(size=(2, 7168, 1024)).astype(np.float32)
        write_model_folder(tmp_path / "wide", one_product_graph(wide, factors, K), n_items=7168, top_k=K)
        monkeypatch.setattr(running, "quick_form", lambda: form)
        monkeypatch.setattr(running, "adds_up", lambda form: True)
        scorer = Scorer(open_model(tmp_path / "wide"), ScoringSettings(k=K, threads=1))
        assert (scorer.runner.candidates is not None) is (form is not None)
        assert Scorer(a_model(tmp_path / "small"), ScoringSettings(k=K, threads=1)).runner.candidates is None
