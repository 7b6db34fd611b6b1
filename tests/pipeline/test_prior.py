"""The popularity that cold users see: its half-life is chosen, and it knows no row that is held out."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import torch

from selfrec.histories import Histories, Holdout
from selfrec.pipeline.measure import Measured, measure
from selfrec.pipeline.prior import HalfLife, baseline, best_share, half_lives, recent_popularity
from tests.pipeline.test_stages import ITEMS, trainer


def choices(items: list[int], ages: list[float], n_items: int = 3) -> Histories:
    """One user a choice."""
    rows = Histories.from_rows([[item] for item in items], n_items)
    return replace(rows, ages=np.array(ages, dtype=np.float32))


def test_recent_popularity_by_hand() -> None:
    rows = choices([0, 0, 1], [10.0, 20.0, 0.0])
    assert recent_popularity(rows, 10.0).tolist() == [0.75, 1.0, 0.0]
    assert recent_popularity(rows, None).tolist() == [2.0, 1.0, 0.0]


def test_half_lives_are_shares_of_the_largest_age() -> None:
    assert half_lives(choices([0, 1], [0.0, 128.0])) == [32.0, 128.0, 64.0, 16.0, 8.0, 4.0, 2.0, 1.0]
    assert half_lives(choices([0, 1], [0.0, 0.0])) == [None]


def test_baseline_is_a_scaled_log() -> None:
    rows = choices([0, 0, 1], [40.0, 40.0, 0.0])
    first = [math.log(1 + 2 / 16) / math.log(2), 1.0, 0.0]
    torch.testing.assert_close(baseline(rows, 10.0), torch.tensor(first))
    torch.testing.assert_close(baseline(rows, 40.0), torch.tensor([1.0, 1.0, 0.0]))
    timeless = choices([0, 0, 1], [0.0, 0.0, 0.0])
    torch.testing.assert_close(baseline(timeless, None), torch.tensor([1.0, math.log(2) / math.log(3), 0.0]))


def test_the_half_life_of_some_rows() -> None:
    rows, timeless = choices([0, 1], [0.0, 128.0]), choices([0, 1], [0.0, 0.0])
    assert HalfLife().days(rows) == 32.0, "a quarter of the time, where nothing has chosen"
    assert HalfLife(share=3).days(rows) == 16.0
    assert HalfLife(given=5.0).days(rows) == 5.0
    assert HalfLife(given=5.0).days(timeless) is HalfLife(share=3).days(timeless) is None


def test_the_half_life_is_the_best_in_the_mean_over_the_windows() -> None:
    """Item 0 was chosen by many long ago, item 1 by a few of late. After two of three windows item 1 is chosen."""
    rows = choices([0, 0, 0, 0, 1, 1], [128.0, 128, 128, 128, 0, 0])
    shown = Histories.from_rows([[2]], 3)
    late, long_ago = (Holdout(shown, Histories.from_rows([[item]], 3)) for item in (1, 0))

    def measured(prior: torch.Tensor, holdout: Holdout) -> Measured:
        ranked = prior.argsort(descending=True, stable=True)[None].numpy()
        return measure(ranked, holdout.targets)

    assert half_lives(rows)[:2] == [32.0, 128.0]
    # 4 choices count 4 / 16 at 32 days, 2 at 128, beside the 2 of today: a tie goes to item 0.
    assert best_share([(rows, late)], measured) == 0
    assert best_share([(rows, long_ago)], measured) == 1
    assert best_share([(rows, late), (rows, long_ago), (rows, late)], measured) == 0
    assert best_share([(rows, long_ago), (rows, late), (rows, long_ago)], measured) == 1
    timeless = choices([0, 1], [0.0, 0.0])
    assert best_share([(rows, long_ago), (timeless, late), (timeless, late)], measured) == 1, "no ages, no say"


def test_cold_users_get_the_half_life_that_was_best() -> None:
    """Item 0 was chosen by many long ago, item 1 by a few today: who is held out chose item 1 of late."""
    rows = choices([0] * 20 + [1] * 2 + [2] * 2, [64.0] * 20 + [0.0] * 2 + [32.0] * 2, ITEMS)
    shown = Histories.from_rows([[2]] * 6, ITEMS)
    validation = Holdout(shown, Histories.from_rows([[1]] * 6, ITEMS))
    stages = trainer()
    before = stages.prior
    stages.settle_prior(rows)
    assert stages.prior is before
    chosen = stages.select(rows, validation)
    popularity = stages.table[0]
    assert popularity.metrics["ndcg@20"] == 1.0
    stages.settle_prior(rows)
    # At a quarter of 64 days the 20 old choices count 20 / 16, less than the 2 of today.
    torch.testing.assert_close(stages.prior[:2], torch.tensor([math.log(2.25) / math.log(3), 1.0]))
    history = torch.full((1, 1), ITEMS)
    items, _ = stages.recommender(chosen)(history, torch.ones(1, 1), history, torch.zeros(ITEMS))
    assert items[0, :2].tolist() == [1, 0]
