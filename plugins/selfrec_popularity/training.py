"""The closed form: scaled log popularity."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from selfrec_popularity.module import Popularity

if TYPE_CHECKING:
    from selfrec.plugin import Fitting


def fill_in(module: Popularity, fitting: Fitting) -> None:
    """scores = (log(1 + p) / max log(1 + p)) ^ exponent, with p the catalog's time-decayed users an item."""
    logs = torch.log1p(torch.from_numpy(fitting.catalog.popularity.copy()))
    scaled = logs / logs.max().clamp_min(torch.finfo(logs.dtype).tiny)
    module.scores.copy_(scaled**fitting.options.exponent)
