"""Where rows are split by time, the weights are chosen on two stretches of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from selfrec.histories import Histories, Holdout
from selfrec.pipeline.combine import RATIOS, Pair, steady_weight
from selfrec.pipeline.generated import joined
from selfrec.pipeline.measure import ScoreAll
from selfrec.plugin import UserBatch
from tests.pipeline.test_stages import fixed, trainer
from tests.toys import Toys

ITEMS = 40


def first(item: int) -> ScoreAll:
    """One item first, for everyone; the twenty last ones before the rest, as `fixed` has it."""
    scores = torch.zeros(ITEMS)
    scores[item], scores[-20:] = 1.0, 0.1

    def score(batch: UserBatch) -> Tensor:
        return scores.expand(len(batch.history), -1)

    return score


def chosen_then(*items: int) -> Holdout:
    """Users who were shown item 0 and then chose these."""
    return Holdout(Histories.from_rows([[0]] * len(items), ITEMS), Histories.from_rows([[i] for i in items], ITEMS))


@pytest.mark.parametrize(
    ("windows", "ratio"),
    [
        # The right one first: NDCG 1, second: 1 / log2(3). Item 2 is second from a fifth of item 1's say on.
        (([2, 2],), 1.7),
        (([1, 1],), 0.0),
        (([2, 2, 1],), 1.7),
        (([2, 2, 1], [1, 1, 1]), 0.2),
        (([2, 2, 1], [2, 2, 2]), 1.7),
        # In the mean 1.7 has .908 of each window's best and .2 has .895; in the last window 1.7 has .631 of it.
        (([2, 2, 1], [2, 2, 1], [2, 2, 1], [1, 1, 1]), 0.2),
        # One user of 50 who finds item 2 at second place is more than a hundredth of all, one of 100 is less.
        (([1] * 49 + [2],), 0.2),
        (([1] * 99 + [2],), 0.0),
        # Nobody chose anything that either has.
        (([2, 2], [3, 3]), 1.7),
    ],
)
def test_the_weight_loses_least_where_it_loses_most(windows: Sequence[list[int]], ratio: float) -> None:
    pairs = [Pair(first(1), first(2), chosen_then(*items)) for items in windows]
    assert steady_weight(pairs, torch.device("cpu"), forced=False) == pytest.approx(ratio)
    assert steady_weight(pairs, torch.device("cpu"), forced=True) == pytest.approx(ratio or RATIOS[1])


def at(days: float, items: Sequence[int]) -> Histories:
    """A user who chose these then, and two more items long before."""
    row = Histories.from_rows([[10, 11, *items]], ITEMS)
    return replace(row, ages=np.array([50.0, 40.0, *[days] * len(items)], dtype=np.float32))


def window_before(item: int) -> tuple[Histories, Histories]:
    """30 users who took the item in the window before, 30 who have been shown old items; and these 30 alone."""
    users = [at(10.0, [item])] * 30 + [at(0.0, [])] * 30
    histories = Histories(
        n_items=ITEMS,
        offsets=np.concatenate([[0], np.cumsum([len(row.items) for row in users])]).astype(np.int64),
        items=np.concatenate([row.items for row in users]),
        weights=np.concatenate([row.weights for row in users]),
        ages=np.concatenate([row.ages for row in users]),
    )
    return histories, histories.take(np.arange(30, 60))


@pytest.mark.parametrize(
    ("kind", "before", "weights", "rows"),
    [
        ("temporal", 1, [1.0, 0.2], ["+ weights of two windows"]),
        ("temporal", 2, [1.0, 1.7], []),
        ("leave-last", 1, [1.0, 1.7], []),
    ],
)
def test_a_temporal_split_looks_at_the_window_before_too(
    kind: str, before: int, weights: list[float], rows: list[str]
) -> None:
    """Most of those to choose on took item 2; what everyone took in the window before says how much that means."""
    histories, shown = window_before(before)
    validation = Holdout(shown, Histories.from_rows([[2]] * 18 + [[1]] * 12, ITEMS))
    pipeline = {"extractors": (), "generators": ("one", "two"), "recency": "none", "keep": "all"}
    stages = trainer(toys=Toys(fixed("one", 1), fixed("two", 2)), items=ITEMS, pipeline=pipeline, split={"kind": kind})
    chosen = stages.select(histories, validation)
    assert chosen.weights == pytest.approx(weights)
    assert [part.label for part in chosen.generators] == ["one", "two"]
    assert [stage.name for stage in stages.table] == ["popularity", "one", "+ two", *rows]


@pytest.mark.parametrize(
    ("kind", "before", "kept"),
    [("temporal", 30, ["one", "two"]), ("temporal", 2, ["two"]), ("leave-last", 30, ["two"])],
)
def test_a_companion_comes_back_where_both_are_better_in_the_window_before(
    kind: str, before: int, kept: list[str]
) -> None:
    """Of those to choose on some took item 20, which is before item 30 only where `two` is alone."""
    histories, shown = window_before(before)
    histories = joined(histories, Histories.from_rows([[2]] * 10, ITEMS))
    histories.ages[-10:] = 45.0
    validation = Holdout(shown, Histories.from_rows([[2]] * 20 + [[20]] * 10, ITEMS))
    toys = Toys(fixed("one", 30), fixed("two", 2, 20, 30))
    pipeline = {"extractors": (), "generators": ("one", "two"), "recency": "none"}
    stages = trainer(toys=toys, items=ITEMS, pipeline=pipeline, split={"kind": kind})
    chosen = stages.select(histories, validation)
    assert [part.label for part in chosen.generators] == kept
    assert len(chosen.weights) == len(kept)
    [exported] = [stage.name for stage in stages.table if stage.kept]
    assert exported == ("+ weights of two windows" if len(kept) == 2 else "two")
