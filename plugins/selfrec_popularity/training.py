"""The closed form: popularity of the training rows, recent choices counting more."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from selfrec.plugin import recent_popularity
from selfrec_popularity.module import Popularity

if TYPE_CHECKING:
    from selfrec.plugin import Fitting, Histories


def fill_in(module: Popularity, fitting: Fitting) -> None:
    """scores = (p / max p) ^ exponent, with p the recent popularity.

    Beside another generator the few items that many choose now come first, and the rest of the list is left to what
    one user likes; logarithms, which rank the same alone, would lift everything that is known.
    """
    rows, options = fitting.histories, fitting.options
    half_lives = fitting.half_lives
    if half_lives and options.half_life_days is not None:
        half_lives = (options.half_life_days,)
    span = {"shortest_half_life_days": min(half_lives), "longest_half_life_days": max(half_lives)} if half_lives else {}
    for epoch in fitting.epochs(module, 1):
        popularity = recent_popularity(rows, half_lives)
        module.scores.copy_((popularity / popularity.max().clamp_min(1e-300)) ** options.exponent)
        epoch.report(loss=_surprise(rows, popularity), **span)


def _surprise(rows: Histories, popularity: Tensor) -> float:
    """Mean over all choices of -log of the chosen item's share of the popularity."""
    counts = torch.from_numpy(rows.item_counts()).double()
    shares = popularity / popularity.sum().clamp_min(1e-300)
    return float(-(counts * shares.clamp_min(1e-300).log()).sum() / counts.sum().clamp_min(1))
