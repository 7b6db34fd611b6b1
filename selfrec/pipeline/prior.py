"""The popularity prior: what a cold user is shown, and the baseline of every comparison."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from selfrec.catalog import Catalog
from selfrec.histories import Histories, Holdout
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


@dataclass(frozen=True)
class HalfLife:
    """The half-life of popularity: days that were given, or a share of the time that rows span."""

    given: float | None = None
    share: int | None = None
    """The place in HALF_LIFE_SHARES; None where nothing has chosen."""

    def days(self, histories: Histories) -> float | None:
        """That of these rows; None where no age is known."""
        tried = half_lives(histories)
        if tried == [None]:
            return None
        return self.given if self.given is not None else tried[self.share or 0]


def baseline(histories: Histories, half_life_days: float | None) -> Tensor:
    """The prior of these training rows alone, so that a comparison on held-out rows knows nothing of them."""
    return _scaled(recent_popularity(histories, half_life_days))


def best_share(windows: Sequence[tuple[Histories, Holdout]], measure: Callable[[Tensor, Holdout], Measured]) -> int:
    """The place in HALF_LIFE_SHARES of the half-life whose prior (float32[N]) of a window's rows hits most of what
    follows them, as a share of what the best one hits there, in the mean over the windows.
    """
    hits = np.array(
        [
            [measure(baseline(rows, days), holdout).metrics["ndcg@20"] for days in half_lives(rows)]
            for rows, holdout in windows
            if half_lives(rows) != [None]
        ]
    )
    return int(np.argmax((hits / np.maximum(hits.max(1, keepdims=True), 1e-12)).mean(0)))


def _scaled(popularity: Tensor) -> Tensor:
    logs = torch.log1p(popularity)
    return (logs / logs.max().clamp_min(1e-12) if len(logs) else logs).float()
