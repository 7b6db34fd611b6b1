"""The popularity prior: what a cold user is shown, and the baseline of every comparison."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import torch
from torch import Tensor

from selfrec.catalog import Catalog
from selfrec.histories import Histories, Holdout
from selfrec.pipeline.measure import Measured

USUAL = (1 / 4,)
"""The half-life of popularity where nothing can choose, as a share of the largest age."""
_FOUR = (1, 1 / 5, 1 / 25, 1 / 125)
MIXES = (USUAL, *(mix for size in range(1, 5) for mix in combinations(_FOUR, size)))
"""Half-lives that are tried: any of four, as shares of the largest age, and the usual one.

How much recent choices say about the next ones changes from week to week: a long and a short half-life together hold
up in more weeks than the best single one [measured].
"""


def popularity_prior(catalog: Catalog) -> Tensor:
    """float32[N] in 0..1: log(1 + popularity), scaled so that the most popular item has 1."""
    return _scaled(torch.from_numpy(catalog.popularity.astype(np.float64)))


def recent_popularity(histories: Histories, half_lives: Sequence[float] = ()) -> Tensor:
    """float64[N] sum over an item's choices of 2^(-age / half-life), in days; their number where there is no half-life.

    With several half-lives: the mean over them of an item's share of all items' total, times the mean total.
    """
    ages = histories.ages.astype(np.float64)
    with np.errstate(over="ignore"):
        weights = [np.exp2(-ages / days) for days in half_lives] or [np.ones_like(ages)]
    sums = [np.bincount(histories.items, weights=one, minlength=histories.n_items) for one in weights]
    recent = torch.from_numpy(np.stack(sums)).double()
    totals = recent.sum(1, keepdim=True)
    return (recent * (totals.mean() / totals.clamp_min(1e-300))).mean(0)


def baseline(histories: Histories, half_lives: Sequence[float]) -> Tensor:
    """float32[N] the prior of these training rows alone: a comparison on held-out rows knows nothing of them."""
    return _scaled(recent_popularity(histories, half_lives))


@dataclass(frozen=True)
class HalfLives:
    """Half-lives of popularity: days that were given, or shares of the time that rows span."""

    given: float | None = None
    mix: tuple[float, ...] | None = None
    """One of MIXES; None where nothing has chosen."""

    def days(self, histories: Histories) -> tuple[float, ...]:
        """In days, for these rows; none where no age is known."""
        oldest = float(histories.ages.max(initial=0))
        if oldest <= 0:
            return ()
        return (self.given,) if self.given is not None else tuple(oldest * share for share in self.mix or USUAL)


def best_mix(
    windows: Sequence[tuple[Histories, Holdout]], measure: Callable[[Tensor, Holdout], Measured]
) -> tuple[float, ...]:
    """The one of MIXES whose prior (float32[N]) ranks best what follows a window's rows: NDCG@20 as a share of what the
    best mix has in that window, in the mean over the windows. Windows without ages are left out.
    """
    hits = np.array(
        [
            [measure(baseline(rows, HalfLives(mix=mix).days(rows)), holdout).metrics["ndcg@20"] for mix in MIXES]
            for rows, holdout in windows
            if rows.ages.any()
        ]
    )
    return MIXES[int(np.argmax((hits / np.maximum(hits.max(1, keepdims=True), 1e-12)).mean(0)))]


def _scaled(popularity: Tensor) -> Tensor:
    logs = torch.log1p(popularity)
    return (logs / logs.max().clamp_min(1e-12) if len(logs) else logs).float()
