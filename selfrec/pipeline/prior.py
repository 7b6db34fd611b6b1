"""The popularity prior: what a cold user is shown, and the baseline of every comparison."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from selfrec.catalog import Catalog
from selfrec.histories import Histories
from selfrec.pipeline.measure import Measured

HALF_LIFE_SHARES = (1 / 4, 1, 1 / 2, 1 / 8, 1 / 16, 1 / 32, 1 / 64, 1 / 128)
"""Half-lives that are tried, as shares of the largest age. The first one holds where nothing can choose."""


def popularity_prior(catalog: Catalog) -> Tensor:
    """float32[N] in 0..1: log(1 + popularity), scaled so that the most popular item has 1."""
    return _scaled(torch.from_numpy(catalog.popularity.astype(np.float64)))


def recent_popularity(histories: Histories, half_life_days: float | None) -> Tensor:
    """float64[N] sum over an item's choices of 2^(-age / half-life); their number where the half-life is None."""
    counts = None if half_life_days is None else np.exp2(-histories.ages.astype(np.float64) / half_life_days)
    return torch.from_numpy(np.bincount(histories.items, weights=counts, minlength=histories.n_items)).double()


def half_lives(histories: Histories) -> list[float | None]:
    """Days to try, the usual one first; [None] where no age is known."""
    oldest = float(histories.ages.max(initial=0))
    return [oldest * share for share in HALF_LIFE_SHARES] if oldest > 0 else [None]


def baseline(histories: Histories, half_life_days: float | None, *, share: int = 0) -> Tensor:
    """The prior of these training rows alone, so that a comparison on held-out rows knows nothing of them.

    half_life_days unset: the half-life that `share` numbers in HALF_LIFE_SHARES.
    """
    tried = half_lives(histories)
    chosen = half_life_days if half_life_days is not None else tried[min(share, len(tried) - 1)]
    return _scaled(recent_popularity(histories, None if tried == [None] else chosen))


def best_share(histories: Histories, measure: Callable[[Tensor], Measured]) -> int:
    """The number in HALF_LIFE_SHARES of the half-life whose prior (float32[N]) hits most; `measure` tells how much."""
    figures = [measure(baseline(histories, days)).metrics["ndcg@20"] for days in half_lives(histories)]
    return int(np.argmax(figures))


def _scaled(popularity: Tensor) -> Tensor:
    logs = torch.log1p(popularity)
    return (logs / logs.max().clamp_min(1e-12) if len(logs) else logs).float()
