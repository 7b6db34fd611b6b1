"""The popularity prior: what a cold user is shown, and the baseline of every comparison."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from selfrec.catalog import Catalog


def popularity_prior(catalog: Catalog) -> Tensor:
    """float32[N] in 0..1: log(1 + popularity), scaled so that the most popular item has 1."""
    logs = np.log1p(catalog.popularity.astype(np.float64))
    return torch.from_numpy((logs / max(float(logs.max(initial=0)), 1e-12)).astype(np.float32))
