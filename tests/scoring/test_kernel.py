"""The kernel against brute force, and what it refuses."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from benchmarks.synthetic import one_product_graph, write_model_folder
from selfrec.errors import ModelError, SettingsError
from selfrec.histories import Histories
from selfrec.model_folder.reading import Model, open_model
from selfrec.scoring.batches import PIECE_BYTES, bucket, pieces, plan_batches
from selfrec.scoring.kernel import Scorer
from selfrec.settings.tables import ScoringSettings
from tests.scoring.shops import next_item_model

N, D, K = 400, 8, 10


@pytest.fixture(scope="module")
def factors() -> tuple[np.ndarray, np.ndarray]:
    draw = np.random.default_rng(1)
    # Small whole numbers: products are exact and ties are common.
    encoder, decoder = (draw.integers(-2, 3, (N, D)).astype(np.float32) for _ in range(2))
    return encoder, decoder


@pytest.fixture(scope="module", params=[False, True], ids=["plain", "blocks"])
def drawn(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, factors: tuple[np.ndarray, np.ndarray]
) -> Model:
    folder = tmp_path_factory.mktemp("drawn") / "model"
    graph = one_product_graph(*factors, K, blocks=request.param)
    assert ("ReduceMax" in {node.op_type for node in graph.graph.node}) == request.param
    write_model_folder(folder, graph, n_items=N, top_k=K)
    return open_model(folder)


def histories(users: int, seed: int = 0, longest: int = 60) -> Histories:
    draw = np.random.default_rng(seed)
    return Histories.from_rows([draw.permutation(N)[: draw.integers(0, longest)].tolist() for _ in range(users)], N)


def brute_force(model_factors: tuple, rows: Histories, k: int, bias: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    encoder, decoder = model_factors
    items = np.full((len(rows), k), N)
    scores = np.full((len(rows), k), -np.inf, dtype=np.float32)
    for user in range(len(rows)):
        own = rows.items[rows.offsets[user] : rows.offsets[user + 1]]
        pooled = encoder[own].sum(0)
        query = pooled / max(np.linalg.norm(pooled), np.float32(1e-9))
        all_scores = (query @ decoder.T + bias).astype(np.float32)
        all_scores[own] = -np.inf
        best = np.argsort(-all_scores, kind="stable")[:k]
        items[user], scores[user] = np.where(all_scores[best] > -np.inf, best, N), all_scores[best]
    return items, scores


@pytest.mark.parametrize("k", [1, 4, 10])
def test_lists_are_those_of_brute_force(drawn: Model, factors: tuple, k: int) -> None:
    rows = histories(300)
    bias = np.where(np.arange(N) % 7 == 0, -np.inf, np.arange(N) % 3).astype(np.float32)
    lists = Scorer(drawn, ScoringSettings(k=k, threads=2), item_bias=bias).score(rows)
    items, scores = brute_force(factors, rows, k, bias)
    np.testing.assert_allclose(lists.scores, scores, rtol=1e-5, atol=1e-5)
    # Rounding may part what brute force ties, so items are compared where neighbours are well apart.
    apart = np.abs(np.diff(scores, axis=1, prepend=np.inf)) > 1e-4
    clear = apart & np.roll(apart, -1, axis=1)
    clear[:, -1] = False
    assert clear.sum() > 20 or k == 1
    assert (lists.items[clear] == items[clear]).all()


def test_equal_scores_give_the_lower_item_number_first(tmp_path: Path) -> None:
    for blocks in (False, True):
        model = next_item_model(tmp_path / f"model-{blocks}", 200, 5, blocks=blocks)
        lists = Scorer(model, ScoringSettings(k=5)).score(Histories.from_rows([[], [70], [0, 1]], 200))
        assert lists.items.tolist() == [[0, 1, 2, 3, 4], [71, 0, 1, 2, 3], [2, 3, 4, 5, 6]]


def test_threads_and_company_change_nothing(drawn: Model) -> None:
    rows = histories(500, seed=3)
    one = Scorer(drawn, ScoringSettings(k=7, threads=1)).score(rows)
    two = Scorer(drawn, ScoringSettings(k=7, threads=2)).score(rows)
    assert one.items.tobytes() == two.items.tobytes()
    assert one.scores.tobytes() == two.scores.tobytes()
    alone = Scorer(drawn, ScoringSettings(k=7)).score(rows.take([17]))
    np.testing.assert_allclose(alone.scores[0], one.scores[17], rtol=1e-5)


def test_a_shorter_list_is_the_first_part_of_the_longer_one(drawn: Model) -> None:
    rows = histories(200, seed=4)
    assert drawn.surface.adjustable_k
    long = Scorer(drawn, ScoringSettings(k=K)).score(rows)
    short = Scorer(drawn, ScoringSettings(k=3)).score(rows)
    assert (short.items == long.items[:, :3]).all()
    assert short.scores.tobytes() == np.ascontiguousarray(long.scores[:, :3]).tobytes()


def test_repeats_and_separate_exclude(tmp_path: Path) -> None:
    model = next_item_model(tmp_path / "model")
    rows = Histories.from_rows([[0, 3]], 6)
    seen = Histories.from_rows([[0, 3, 4]], 6)
    assert Scorer(model, ScoringSettings(k=3)).score(rows, seen).items.tolist() == [[1, 2, 5]]
    assert Scorer(model, ScoringSettings(k=3, repeats=True)).score(rows, seen).items.tolist() == [[1, 4, 0]]


def test_fewer_items_than_k_leave_empty_places(tmp_path: Path) -> None:
    model = next_item_model(tmp_path / "model")
    lists = Scorer(model, ScoringSettings(k=4)).score(Histories.from_rows([[0, 1, 2, 3, 4]], 6))
    assert lists.items.tolist() == [[5, 6, 6, 6]]
    assert lists.scores[0, 1:].tolist() == [-np.inf] * 3


def test_no_users_give_no_lists(drawn: Model) -> None:
    assert Scorer(drawn, ScoringSettings(k=2)).score(histories(0)).items.shape == (0, 2)


def test_k_beyond_the_graph(drawn: Model) -> None:
    with pytest.raises(SettingsError, match=r"k = 11, but the model .* at most 10"):
        Scorer(drawn, ScoringSettings(k=11))


@pytest.mark.parametrize("number", [-1, N])
def test_item_numbers_are_checked_before_the_graph_runs(drawn: Model, number: int) -> None:
    with pytest.raises(ValueError, match=f"item number {number}"):
        Scorer(drawn, ScoringSettings(k=2)).score(Histories.from_rows([[number]], N))


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_scores_that_are_no_numbers(tmp_path: Path, value: float) -> None:
    graph = one_product_graph(np.eye(6, dtype=np.float32), np.full((6, 6), value, np.float32), 4, blocks=False)
    write_model_folder(tmp_path / "model", graph, n_items=6, top_k=4)
    with pytest.raises(ModelError, match="no numbers"):
        Scorer(open_model(tmp_path / "model"), ScoringSettings(k=4)).score(Histories.from_rows([[1], [2]], 6))


def test_item_numbers_the_graph_makes_up(tmp_path: Path) -> None:
    graph = one_product_graph(np.eye(6, dtype=np.float32), np.eye(6, dtype=np.float32), 4, blocks=False)
    graph.graph.node[-1].output[1] = "found"
    graph.graph.initializer.append(numpy_helper.from_array(np.array([100], np.int64), "hundred"))
    graph.graph.node.append(helper.make_node("Add", ["found", "hundred"], ["items"]))
    write_model_folder(tmp_path / "model", graph, n_items=6, top_k=4)
    with pytest.raises(ModelError, match=r"item numbers outside 0\.\.5"):
        Scorer(open_model(tmp_path / "model"), ScoringSettings(k=4)).score(Histories.from_rows([[1]], 6))


def test_ages_and_user_features_reach_a_graph_that_asks(tmp_path: Path) -> None:
    """Scores are item_bias + age of the newest item + first user feature, the same for every item."""
    value, real, whole = helper.make_tensor_value_info, TensorProto.FLOAT, TensorProto.INT64
    one = numpy_helper.from_array(np.array([1], np.int64), "one")
    k = numpy_helper.from_array(np.array([2], np.int64), "top_k")
    zero = numpy_helper.from_array(np.array([0], np.int64), "zero")
    nodes = [
        helper.make_node("ReduceMax", ["ages", "one"], ["oldest"], keepdims=1),
        helper.make_node("Gather", ["user_features", "zero"], ["first"], axis=1),
        helper.make_node("Add", ["oldest", "first"], ["sum"]),
        helper.make_node("Add", ["sum", "item_bias"], ["all"]),
        helper.make_node("TopK", ["all", "top_k"], ["scores", "items"]),
    ]
    inputs = [
        value("history", whole, ["batch", "length"]),
        value("weights", real, ["batch", "length"]),
        value("exclude", whole, ["batch", "excluded"]),
        value("item_bias", real, [6]),
        value("ages", real, ["batch", "length"]),
        value("user_features", real, ["batch", 2]),
    ]
    outputs = [value("items", whole, ["batch", 2]), value("scores", real, ["batch", 2])]
    graph = helper.make_graph(nodes, "g", inputs, outputs, [one, k, zero])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)
    onnx.checker.check_model(model)
    write_model_folder(tmp_path / "model", model, n_items=6, top_k=2, user_features=("age", "visits"))
    rows = Histories(
        n_items=6,
        offsets=np.array([0, 2, 3]),
        items=np.array([1, 2, 3], np.int32),
        weights=np.ones(3, np.float32),
        ages=np.array([9, 4, 7], np.float32),
        user_features=np.array([[100, 0], [200, 0]], np.float32),
    )
    bias = np.array([0, 0, 0, 5, 0, 1], np.float32)
    lists = Scorer(open_model(tmp_path / "model"), ScoringSettings(k=2), item_bias=bias).score(rows)
    assert lists.items.tolist() == [[3, 5], [3, 5]]
    assert lists.scores.tolist() == [[114, 110], [212, 208]]


@given(
    st.lists(st.tuples(st.integers(0, 700), st.integers(0, 900)), max_size=200),
    st.integers(1, 100_000),
    st.integers(1, 64_000_000),
)
@settings(deadline=None, max_examples=60)
def test_every_user_is_in_one_batch_that_holds_them(
    lengths: list[tuple[int, int]], n_items: int, batch_bytes: int
) -> None:
    history = np.array([one for one, _ in lengths], dtype=np.int64)
    exclude = np.array([one for _, one in lengths], dtype=np.int64)
    batches = plan_batches(history, exclude, n_items, batch_bytes)
    users = [user for batch in batches for user in batch.users.tolist()]
    assert sorted(users) == list(range(len(lengths)))
    for batch in batches:
        assert batch.length >= history[batch.users].max()
        assert batch.excluded >= exclude[batch.users].max()
        assert len(batch.users) <= batch.rows <= max(1, batch_bytes // (4 * n_items))


@given(st.lists(st.integers(0, 3000), min_size=1, max_size=400), st.integers(1, 2048))
@settings(deadline=None, max_examples=60)
def test_every_row_is_in_one_piece_that_holds_it(drawn: list[int], width: int) -> None:
    lengths = np.array(drawn, dtype=np.int64)
    for batch in plan_batches(lengths, lengths, 1000, 64_000_000):
        cut = pieces(batch, lengths, width)
        assert [row for piece in cut for row in range(piece.start, piece.end)] == list(range(batch.rows))
        for piece in cut:
            rows = piece.end - piece.start
            assert rows & (rows - 1) == 0
            assert rows == 1 or 4 * width * rows * piece.length <= PIECE_BYTES
            assert lengths[batch.users[piece.start : piece.end]].max(initial=0) <= piece.length <= batch.length


@given(st.integers(0, 100_000))
def test_buckets_waste_at_most_a_quarter(width: int) -> None:
    assert width <= bucket(width) <= max(1, width * 1.25)
    assert bucket(bucket(width)) == bucket(width)
