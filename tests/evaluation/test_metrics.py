"""Metrics against values worked out by hand, and against trec_eval."""

from __future__ import annotations

import math

import numpy as np
import pytest
import pytrec_eval
from hypothesis import given, settings
from hypothesis import strategies as st

from selfrec.evaluation import metrics
from selfrec.histories import Histories, Int64

N = 10
EMPTY = N


def ranked(*rows: list[int]) -> Int64:
    return np.array(rows, dtype=np.int64)


def targets(*rows: list[int]) -> Histories:
    return Histories.from_rows(list(rows), N)


def test_one_user_by_hand() -> None:
    # Hits at ranks 2 and 4 of 5; three hidden items, of which 9 is not listed.
    values = metrics.user_metrics(ranked([0, 1, 2, 3, 4]), targets([3, 9, 1]), ks=(1, 2, 5))
    at = {name: float(value[0]) for name, value in values.items()}
    assert at["recall@1"] == at["ndcg@1"] == at["mrr@1"] == at["map@1"] == at["hit_rate@1"] == 0.0
    assert at["recall@2"] == pytest.approx(1 / 3)
    assert at["capped_recall@2"] == pytest.approx(1 / 2)
    assert at["precision@2"] == pytest.approx(1 / 2)
    assert at["recall@5"] == pytest.approx(2 / 3)
    assert at["capped_recall@5"] == pytest.approx(2 / 3)
    assert at["precision@5"] == pytest.approx(2 / 5)
    assert at["hit_rate@5"] == 1.0
    assert at["mrr@5"] == pytest.approx(1 / 2)
    assert at["map@5"] == pytest.approx((1 / 2 + 2 / 4) / 3)
    gain = 1 / math.log2(3) + 1 / math.log2(5)
    assert at["ndcg@5"] == pytest.approx(gain / (1 + 1 / math.log2(3) + 1 / math.log2(4)))
    assert at["ndcg@2"] == pytest.approx((1 / math.log2(3)) / (1 + 1 / math.log2(3)))


def test_a_perfect_list_scores_one_everywhere_it_can() -> None:
    values = metrics.user_metrics(ranked([4, 2, 7]), targets([2, 4, 7]), ks=(2, 3))
    for metric in ("ndcg", "capped_recall", "precision", "hit_rate", "mrr"):
        assert values[f"{metric}@2"].tolist() == pytest.approx([1.0])
    assert values["recall@2"].tolist() == pytest.approx([2 / 3])
    assert values["map@3"].tolist() == pytest.approx([1.0])


def test_users_do_not_share_hidden_items() -> None:
    found = metrics.hits(ranked([1, 2], [1, 2], [3, 1]), targets([2], [], [1, 3]))
    assert found.tolist() == [[False, True], [False, False], [True, True]]


def test_an_item_outside_the_catalog_counts_and_is_never_hit() -> None:
    # Number N is the hidden item outside the catalog and the empty slot alike: no hit.
    values = metrics.user_metrics(ranked([5, EMPTY, EMPTY]), targets([5, EMPTY, EMPTY]), ks=(3,))
    assert values["recall@3"].tolist() == pytest.approx([1 / 3])
    assert values["ndcg@3"][0] < 1


def test_users_without_hidden_items_have_no_value() -> None:
    values = metrics.user_metrics(ranked([1, 2], [3, 4]), targets([1], []), ks=(2,))
    assert values["recall@2"][0] == 1.0
    assert all(math.isnan(value[1]) for value in values.values())


def test_no_users() -> None:
    values = metrics.user_metrics(np.zeros((0, 2), np.int64), targets(), ks=(2,))
    assert [len(value) for value in values.values()] == [0] * len(metrics.RELEVANCE)


@pytest.mark.parametrize("lists", [ranked([EMPTY, EMPTY]), np.zeros((1, 0), dtype=np.int64)])
def test_empty_lists_are_misses(lists: Int64) -> None:
    values = metrics.user_metrics(lists, targets([1]), ks=(2,))
    assert {float(value[0]) for value in values.values()} == {0.0}


def test_a_k_beyond_the_list_counts_missing_slots_as_empty() -> None:
    values = metrics.user_metrics(ranked([1, 0]), targets([1]), ks=(10,))
    assert values["precision@10"].tolist() == pytest.approx([1 / 10])
    assert values["recall@10"].tolist() == [1.0]


@pytest.mark.parametrize("lists", [ranked([1], [2]), np.array([1]), ranked([-1]), ranked([N + 1])])
def test_impossible_lists_are_refused(lists: Int64) -> None:
    with pytest.raises(ValueError, match="ranked"):
        metrics.user_metrics(lists, targets([1]))


def test_k_below_one_is_refused() -> None:
    with pytest.raises(ValueError, match="k is 0"):
        metrics.user_metrics(ranked([1]), targets([1]), ks=(0,))


def test_cutoffs_follow_the_list_length() -> None:
    assert metrics.cutoffs(100) == (5, 10, 20, 50, 100)
    assert metrics.cutoffs(20) == (5, 10, 20)
    assert metrics.cutoffs(3) == (3,)


def test_metrics_of_all_lists_by_hand() -> None:
    counts = metrics.recommended_counts(ranked([0, 1, EMPTY], [0, 2, 3]), 4, 2)
    assert counts.tolist() == [2, 1, 1, 0]
    assert metrics.coverage(counts) == 3 / 4
    # c ascending 0 1 1 2, weights -3 -1 1 3: (0 - 1 + 1 + 6) / (4 * 4)
    assert metrics.gini(counts) == pytest.approx(6 / 16)
    assert metrics.mean_popularity(counts, [10.0, 4.0, 2.0, 1.0]) == pytest.approx((20 + 4 + 2) / 4)


def test_gini_at_its_ends() -> None:
    assert metrics.gini(np.array([3, 3, 3])) == pytest.approx(0.0)
    assert metrics.gini(np.array([0, 0, 0, 8])) == pytest.approx(3 / 4)
    assert metrics.gini(np.zeros(4, np.int64)) == 0.0
    assert metrics.mean_popularity(np.zeros(4, np.int64), np.ones(4)) == 0.0
    assert metrics.coverage(np.zeros(0, np.int64)) == 0.0


@st.composite
def rankings(draw: st.DrawFn) -> tuple[list[list[int]], list[list[int]], int]:
    n_items = draw(st.integers(1, 12))
    length = draw(st.integers(1, n_items))
    users = draw(st.integers(1, 5))
    lists, hidden = [], []
    for _ in range(users):
        row = draw(st.permutations(range(n_items)))[: draw(st.integers(0, length))]
        lists.append(row + [n_items] * (length - len(row)))
        known = draw(st.lists(st.integers(0, n_items - 1), unique=True, max_size=n_items))
        hidden.append(known + [n_items] * draw(st.integers(0 if known else 1, 2)))
    return lists, hidden, n_items


@settings(max_examples=150, deadline=None)
@given(rankings(), st.sampled_from([1, 2, 3, 5, 10, 20]))
def test_agrees_with_trec_eval(case: tuple[list[list[int]], list[list[int]], int], k: int) -> None:
    lists, hidden, n_items = case
    ours = metrics.user_metrics(np.array(lists, dtype=np.int64), Histories.from_rows(hidden, n_items), ks=(k,))
    qrels, run = {}, {}
    for user, (row, wanted) in enumerate(zip(lists, hidden, strict=True)):
        # Items outside the catalog become documents no run holds.
        names = [f"item{item}" if item < n_items else f"outside{at}" for at, item in enumerate(wanted)]
        qrels[str(user)] = dict.fromkeys(names, 1)
        # trec_eval has no cut of its own for the reciprocal rank: give it the first k.
        run[str(user)] = {f"item{item}": float(-rank) for rank, item in enumerate(row[:k]) if item < n_items}
        run[str(user)]["filler"] = -1e6  # trec_eval drops users whose list is empty
    measures = {f"ndcg_cut.{k}", f"recall.{k}", f"P.{k}", f"success.{k}", f"map_cut.{k}", "recip_rank"}
    theirs = pytrec_eval.RelevanceEvaluator(qrels, measures).evaluate(run)
    pairs = {
        "ndcg": f"ndcg_cut_{k}",
        "recall": f"recall_{k}",
        "precision": f"P_{k}",
        "hit_rate": f"success_{k}",
        "map": f"map_cut_{k}",
        "mrr": "recip_rank",
    }
    for user in range(len(lists)):
        for name, measure in pairs.items():
            assert ours[f"{name}@{k}"][user] == pytest.approx(theirs[str(user)][measure], abs=1e-9), (name, user)


@settings(max_examples=50, deadline=None)
@given(rankings(), st.integers(1, 12))
def test_capped_recall_is_recall_over_what_k_can_hold(
    case: tuple[list[list[int]], list[list[int]], int], k: int
) -> None:
    lists, hidden, n_items = case
    values = metrics.user_metrics(np.array(lists, dtype=np.int64), Histories.from_rows(hidden, n_items), ks=(k,))
    sizes = np.array([len(row) for row in hidden])
    np.testing.assert_allclose(values[f"capped_recall@{k}"] * np.minimum(k, sizes), values[f"recall@{k}"] * sizes)
    assert all(((value >= 0) & (value <= 1 + 1e-12)).all() for value in values.values())
