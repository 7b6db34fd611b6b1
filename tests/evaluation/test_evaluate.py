"""Evaluation of a recommender whose lists are known: figures, groups, intervals, JSON and table."""

from __future__ import annotations

import numpy as np
import pytest

from selfrec.errors import EmptyDataError
from selfrec.evaluation import evaluate as module
from selfrec.evaluation.evaluate import evaluate_lists, paired_difference
from selfrec.evaluation.result import HEADINGS, Evaluation
from selfrec.histories import Histories, Holdout, Int64

N = 8
K = 5
POPULARITY = np.arange(N, 0, -1, dtype=np.float32)


def next_items(histories: Histories, seen: Histories) -> Int64:
    """Recommends the items after the newest one, in a circle; the most popular ones without a history."""
    lists = np.full((len(histories), K), N, dtype=np.int64)
    for user in range(len(histories)):
        own = histories.items[histories.offsets[user] : histories.offsets[user + 1]]
        start = int(own[-1]) + 1 if len(own) else 0
        left = set(range(N)) - set(seen.items[seen.offsets[user] : seen.offsets[user + 1]].tolist())
        row = [item for item in ((start + step) % N for step in range(N)) if item in left][:K]
        lists[user, : len(row)] = row
    return lists


def holdout(inputs: list[list[int]], targets: list[list[int]], weights: list[list[float]] | None = None) -> Holdout:
    return Holdout(Histories.from_rows(inputs, N, weights), Histories.from_rows(targets, N))


def evaluated() -> Evaluation:
    inputs = [[0, 1], [0, 1, 2, 3, 4, 5], [], [2]]
    targets = [[2], [7, N], [0], []]
    return evaluate_lists(next_items, holdout(inputs, targets), POPULARITY, list_length=K)


def test_figures_by_hand() -> None:
    result = evaluated()
    assert (result.users, result.users_skipped, result.items, result.cutoffs) == (3, 1, N, (5,))
    assert (result.hidden_items, result.hidden_outside_catalog) == (4, 1)
    # Model: 2 at rank 1; 7 at rank 2 of two hidden; 0 at rank 1. Popularity: the same, since the next items are it.
    assert result.overall.model["recall@5"] == pytest.approx((1 + 1 / 2 + 1) / 3)
    assert result.overall.model["mrr@5"] == pytest.approx((1 + 1 / 2 + 1) / 3)
    # Lists 2-6, 6 7, 0-4: every item but 5 ... counts 1 1 2 2 2 1 2 1.
    assert result.lists["coverage@5"] == 1.0
    assert result.lists["mean_popularity@5"] == pytest.approx((8 + 7 + 12 + 10 + 8 + 3 + 4 + 1) / 12)


def test_popularity_is_the_same_recommender_with_an_empty_history() -> None:
    result = evaluate_lists(next_items, holdout([[5], [6]], [[6], [7]]), POPULARITY, list_length=K)
    assert result.overall.model["mrr@5"] == 1.0
    assert result.overall.popularity["mrr@5"] == 0.0  # lists start 0 1 2 3 4
    assert result.overall.difference["mrr@5"].mean == 1.0
    assert (result.overall.difference["mrr@5"].low, result.overall.difference["mrr@5"].high) == (1.0, 1.0)


def test_weight_zero_slots_are_seen_but_no_history() -> None:
    seen_only = holdout([[5, 6]], [[7]], weights=[[1.0, 0.0]])
    result = evaluate_lists(next_items, seen_only, POPULARITY, list_length=K)
    # The newest history item is 5, and 6 is left out: 7 comes first.
    assert result.overall.model["mrr@5"] == 1.0
    assert [group.name for group in result.groups] == ["all users", "1-5 history items"]


def test_groups_by_length_of_history() -> None:
    result = evaluated()
    assert [(group.name, group.users) for group in result.groups] == [
        ("all users", 3),
        ("no history", 1),
        ("1-5 history items", 1),
        ("6+ history items", 1),
    ]
    by_name = {group.name: group for group in result.groups}
    assert by_name["6+ history items"].model["recall@5"] == 0.5
    assert by_name["no history"].difference["ndcg@5"].low is None


def test_blocks_do_not_change_the_result(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = evaluated()
    monkeypatch.setattr(module, "BLOCK", 1)
    done: list[int] = []
    inputs, targets = [[0, 1], [0, 1, 2, 3, 4, 5], [], [2]], [[2], [7, N], [0], []]
    parts = evaluate_lists(next_items, holdout(inputs, targets), POPULARITY, list_length=K, on_users=done.append)
    assert done == [1, 2, 3]
    for a, b in zip(whole.groups, parts.groups, strict=True):
        assert a.model == pytest.approx(b.model)
    assert whole.lists == parts.lists


def test_nothing_hidden_is_an_error() -> None:
    with pytest.raises(EmptyDataError, match="no item is hidden of the only held-out user; "):
        evaluate_lists(next_items, holdout([[1]], [[]]), POPULARITY, list_length=K)


def test_interval_of_the_difference_by_hand() -> None:
    # Differences 1, 0, 0, 1: mean 1/2, variance 1/3, standard error sqrt(1/12).
    difference = paired_difference(np.array([1.0, 0.5, 0.0, 1.0]), np.array([0.0, 0.5, 0.0, 0.0]))
    assert difference.mean == 0.5
    assert difference.low == pytest.approx(0.5 - 1.959964 / 12**0.5)
    assert difference.high == pytest.approx(0.5 + 1.959964 / 12**0.5)


def test_json_reads_back() -> None:
    result = evaluated()
    assert Evaluation.model_validate_json(result.to_json()) == result


def test_table_fits_a_terminal_of_100_columns() -> None:
    rows = [HEADINGS, *evaluated().table()]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    assert sum(widths) + 2 * (len(widths) - 1) <= 92
    assert rows[2] == ("all users (3)", "recall@5", "0.8333", "0.8333", "+0.0000", "+0.0000 to +0.0000")
    assert {row.group for row in rows[1:]} == {
        "all users (3)",
        "no history (1)",
        "1-5 history items (1)",
        "6+ history items (1)",
    }
