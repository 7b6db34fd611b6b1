"""The popularity prior: what a cold user is shown, and the baseline of every comparison."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from selfrec.catalog import Catalog
from selfrec.histories import Float32, Histories


def popularity_prior(catalog: Catalog) -> Tensor:
    """float32[N] in 0..1: log(1 + popularity), scaled so that the most popular item has 1."""
    return _scaled(catalog.popularity)


def baseline(histories: Histories, half_life_days: float | None) -> Tensor:
    """The prior of these training rows alone, so that a comparison on held-out rows knows nothing of them.

    A choice counts 2^(-age / half-life); half-life unset: a quarter of the largest age.
    """
    half_life = half_life_days or float(histories.ages.max(initial=0)) / 4
    counts = 0.5 ** (histories.ages.astype(np.float64) / half_life) if half_life > 0 else None
    popularity = np.bincount(histories.items, weights=counts, minlength=histories.n_items)
    return _scaled(popularity.astype(np.float32))


def _scaled(popularity: Float32) -> Tensor:
    logs = np.log1p(popularity.astype(np.float64))
    return torch.from_numpy((logs / max(float(logs.max(initial=0)), 1e-12)).astype(np.float32))
