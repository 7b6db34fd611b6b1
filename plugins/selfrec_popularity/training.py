"""The closed form: scaled log popularity of the training rows, recent choices counting more."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from selfrec.plugin import half_lives, recent_popularity
from selfrec_popularity.module import Popularity

if TYPE_CHECKING:
    from selfrec.plugin import Fitting, Histories


def fill_in(module: Popularity, fitting: Fitting) -> None:
    """scores = (log(1 + p) / max log(1 + p)) ^ exponent, with p_j = sum over choices of j of 2^(-age / half-life).

    A half-life that is not given is the one of several whose lists hit most on the validation rows. Each is an epoch,
    so a refit takes the same one again.
    """
    rows = fitting.histories
    tried = _tried(fitting)
    for epoch in fitting.epochs(module, len(tried)):
        half_life = tried[epoch.number - 1]
        popularity = recent_popularity(rows, half_life)
        logs = torch.log1p(popularity)
        module.scores.copy_((logs / logs.max().clamp_min(1e-12)) ** fitting.options.exponent)
        epoch.report(loss=_surprise(rows, popularity), half_life_days=half_life or 0.0)


def _tried(fitting: Fitting) -> list[float | None]:
    """Days; None counts every choice alike, as where no age is known."""
    tried = half_lives(fitting.histories)
    given: float | None = fitting.options.half_life_days
    if given is not None and tried != [None]:
        return [given]
    can_choose = fitting.validation is not None or fitting.fixed_epochs is not None
    return tried if can_choose else tried[:1]


def _surprise(rows: Histories, popularity: Tensor) -> float:
    """Mean over all choices of -log of the chosen item's share of the popularity."""
    counts = torch.from_numpy(rows.item_counts()).double()
    shares = popularity / popularity.sum().clamp_min(1e-300)
    return float(-(counts * shares.clamp_min(1e-300).log()).sum() / counts.sum().clamp_min(1))
