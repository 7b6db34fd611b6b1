"""The closed form: scaled log popularity of the training rows, recent choices counting more."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from selfrec.plugin import recent_popularity
from selfrec_popularity.module import Popularity

if TYPE_CHECKING:
    from selfrec.plugin import Fitting, Histories


def fill_in(module: Popularity, fitting: Fitting) -> None:
    """scores = (log(1 + p) / max log(1 + p)) ^ exponent, with p_j = sum over choices of j of 2^(-age / half-life)."""
    rows, options = fitting.histories, fitting.options
    half_life = fitting.half_life_days
    if half_life is not None and options.half_life_days is not None:
        half_life = options.half_life_days
    for epoch in fitting.epochs(module, 1):
        popularity = recent_popularity(rows, half_life)
        logs = torch.log1p(popularity)
        module.scores.copy_((logs / logs.max().clamp_min(1e-12)) ** options.exponent)
        epoch.report(loss=_surprise(rows, popularity), half_life_days=half_life or 0.0)


def _surprise(rows: Histories, popularity: Tensor) -> float:
    """Mean over all choices of -log of the chosen item's share of the popularity."""
    counts = torch.from_numpy(rows.item_counts()).double()
    shares = popularity / popularity.sum().clamp_min(1e-300)
    return float(-(counts * shares.clamp_min(1e-300).log()).sum() / counts.sum().clamp_min(1))
