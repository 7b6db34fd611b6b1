"""The popularity that cold users see: its half-lives are chosen, and it knows no row that is held out."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from selfrec.histories import Histories, Holdout
from selfrec.pipeline.measure import Measured, measure
from selfrec.pipeline.prior import MIXES, USUAL, HalfLives, baseline, best_mix, recent_popularity
from tests.pipeline.test_stages import ITEMS, trainer


def choices(items: list[int], ages: list[float], n_items: int = 3) -> Histories:
    """One user a choice."""
    rows = Histories.from_rows([[item] for item in items], n_items)
    return replace(rows, ages=np.array(ages, dtype=np.float32))


def test_recent_popularity_by_hand() -> None:
    rows = choices([0, 0, 1], [10.0, 20.0, 0.0])
    assert recent_popularity(rows, [10.0]).tolist() == [0.75, 1.0, 0.0]
    assert recent_popularity(rows).tolist() == [2.0, 1.0, 0.0]
    assert recent_popularity(choices([], [])).tolist() == [0.0, 0.0, 0.0]


@pytest.mark.filterwarnings("error")
def test_the_shortest_half_life_there_is_gives_no_warning() -> None:
    assert recent_popularity(choices([0, 1], [10.0, 0.0]), [5e-324]).tolist() == [0.0, 1.0, 0.0]


def test_recent_popularity_of_two_half_lives() -> None:
    rows = choices([0, 0, 0, 1], [20.0, 20.0, 20.0, 0.0])
    # At 20 days 1.5 and 1, at 10 days .75 and 1: shares of .6 and 3 / 7, times the mean of 2.5 and 1.75.
    expected = [(0.6 + 3 / 7) / 2 * 2.125, (0.4 + 4 / 7) / 2 * 2.125, 0.0]
    assert recent_popularity(rows, [20.0, 10.0]).tolist() == pytest.approx(expected)


def test_the_mixes_are_every_choice_of_four_and_the_usual_one() -> None:
    assert len(MIXES) == len(set(MIXES)) == 16
    assert MIXES[0] == USUAL == (0.25,)
    assert (1, 1 / 125) in MIXES
    assert MIXES[-1] == (1, 1 / 5, 1 / 25, 1 / 125)


def test_baseline_is_a_scaled_log() -> None:
    rows = choices([0, 0, 1], [40.0, 40.0, 0.0])
    first = [math.log(1 + 2 / 16) / math.log(2), 1.0, 0.0]
    torch.testing.assert_close(baseline(rows, [10.0]), torch.tensor(first))
    torch.testing.assert_close(baseline(rows, [40.0]), torch.tensor([1.0, 1.0, 0.0]))
    timeless = choices([0, 0, 1], [0.0, 0.0, 0.0])
    torch.testing.assert_close(baseline(timeless, []), torch.tensor([1.0, math.log(2) / math.log(3), 0.0]))


def test_the_half_lives_of_some_rows() -> None:
    rows, timeless = choices([0, 1], [0.0, 128.0]), choices([0, 1], [0.0, 0.0])
    assert HalfLives().days(rows) == (32.0,), "a quarter of the time, where nothing has chosen"
    assert HalfLives(mix=(1, 1 / 8)).days(rows) == (128.0, 16.0)
    assert HalfLives(given=5.0).days(rows) == (5.0,)
    assert HalfLives(given=5.0).days(timeless) == HalfLives(mix=(1,)).days(timeless) == ()


SHOWN = Histories.from_rows([[3]], 4)


def after(item: int) -> Holdout:
    """The item was chosen in the window."""
    return Holdout(SHOWN, Histories.from_rows([[item]], 4))


def measured(prior: torch.Tensor, holdout: Holdout) -> Measured:
    """Of everyone's list in the order of the prior."""
    return measure(prior.argsort(descending=True, stable=True)[None].numpy(), holdout.targets)


def test_the_half_life_is_the_best_in_the_mean_over_the_windows() -> None:
    """Item 0 was chosen by many long ago, item 1 by a few of late. After two of three windows item 1 is chosen."""
    rows = choices([0, 0, 0, 0, 1, 1], [128.0, 128, 128, 128, 0, 0], 4)
    late, long_ago = after(1), after(0)
    # 4 choices count 4 / 16 at 32 days, 2 at 128, beside the 2 of today: a tie goes to item 0.
    assert best_mix([(rows, late)], measured) == USUAL
    assert best_mix([(rows, long_ago)], measured) == (1,)
    assert best_mix([(rows, late), (rows, long_ago), (rows, late)], measured) == USUAL
    assert best_mix([(rows, long_ago), (rows, late), (rows, long_ago)], measured) == (1,)
    timeless = choices([0, 1], [0.0, 0.0], 4)
    assert best_mix([(rows, long_ago), (timeless, late), (timeless, late)], measured) == (1,), "no ages, no say"


def test_a_mix_where_weeks_differ() -> None:
    """Item 0 sold for ever, item 1 sells today, item 2 sold in between; now item 0 is chosen, now item 1."""
    rows = choices([0] * 40 + [1] * 6 + [2] * 12, [125.0] * 40 + [0.0] * 6 + [25.0] * 12, 4)
    # Over the whole time 20, 6 and 10.4 are left of the choices; at a fifth of it 1.25, 6 and 6; at a 25th and less
    # next to nothing, 6 and less than 1.
    ranked = {mix: baseline(rows, HalfLives(mix=mix).days(rows)).argsort(descending=True, stable=True) for mix in MIXES}
    assert [ranked[mix].tolist()[:3] for mix in ((1,), (1 / 5,), (1 / 125,))] == [[0, 2, 1], [1, 2, 0], [1, 2, 0]]
    found = best_mix([(rows, after(0)), (rows, after(1))], measured)
    assert found == (1, 1 / 25)
    assert ranked[found].tolist()[:2] == [1, 0]


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
