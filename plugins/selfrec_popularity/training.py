"""The closed form: scaled log popularity of the training rows, recent choices counting more."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from selfrec_popularity.module import Popularity

if TYPE_CHECKING:
    from selfrec.plugin import Fitting


def fill_in(module: Popularity, fitting: Fitting) -> None:
    """scores = (log(1 + p) / max log(1 + p)) ^ exponent, with p_j = sum over choices of j of 2^(-age / half-life)."""
    rows, options = fitting.histories, fitting.options
    half_life = options.half_life_days or float(rows.ages.max(initial=0)) / 4
    counts = 0.5 ** (rows.ages.astype(np.float64) / half_life) if half_life > 0 else None
    popularity = torch.from_numpy(np.bincount(rows.items, weights=counts, minlength=rows.n_items))
    logs = torch.log1p(popularity.double())
    module.scores.copy_((logs / logs.max().clamp_min(1e-12)) ** options.exponent)
