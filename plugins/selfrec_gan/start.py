"""A start for the item tables: a randomised SVD of the training rows, normalised by activity and popularity."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn import functional

from selfrec.plugin import item_directions
from selfrec_gan.module import PreferenceGenerator

if TYPE_CHECKING:
    from selfrec.plugin import Fitting

TABLE_POWER = 0.4
"""The input table is V / p^0.4 and the output table V * p^0.4, for the users p of an item."""


@torch.no_grad()
def start_from_svd(module: PreferenceGenerator, fitting: Fitting) -> None:
    """Set the item tables, and the linear path where there is one, so that training starts at a linear model."""
    width = module.items.shape[1]
    counts = torch.from_numpy(fitting.histories.item_counts()).float().clamp_min(1)[:, None]
    vectors = item_directions(fitting.histories, width, seed=fitting.seed)
    module.items.copy_(_of_mean_length_one(vectors * counts**TABLE_POWER))
    if module.sees_history:
        table = _of_mean_length_one(vectors * counts**-TABLE_POWER)
        module.history.copy_(functional.pad(table, (0, 0, 0, 1)))
        if module.skip is not None:
            module.skip.weight.zero_()
            module.skip.weight[:, :width] = torch.eye(width)
            module.out.weight.mul_(0.1)


def _of_mean_length_one(table: Tensor) -> Tensor:
    """Rows of about length 1 keep every layer's inputs in a range that its initial weights are made for."""
    scaled: Tensor = table / table.norm(dim=1).mean().clamp_min(1e-12)
    return scaled
