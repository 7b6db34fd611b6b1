"""A start for the item tables: a randomised SVD of the training rows, normalised by activity and popularity."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from selfrec.plugin import item_directions
from selfrec_gan.module import PreferenceGenerator, pooled

if TYPE_CHECKING:
    from selfrec.plugin import Fitting

TABLE_POWER = 0.4
"""The input table is V / p^0.4 and the output table V * p^0.4, for the users p of an item."""

SPREAD = 2.0
"""Standard deviation over the items that the first logits have."""


@torch.no_grad()
def start_from_svd(module: PreferenceGenerator, fitting: Fitting) -> None:
    """Set both item tables and the linear path so that the first scores are those of a low-rank linear model."""
    histories, width = fitting.histories, module.items.shape[1]
    counts = torch.from_numpy(histories.item_counts()).float().clamp_min(1)
    vectors = item_directions(histories, width, seed=fitting.seed)
    device = module.items.device
    module.history[:-1] = (vectors * counts[:, None] ** -TABLE_POWER).to(device)
    module.items.copy_(vectors * counts[:, None] ** TABLE_POWER)
    module.history[-1] = 0
    # Embeddings of about unit length keep every layer's inputs in a range that its initial weights are made for.
    module.history.div_(module.history[:-1].norm(dim=1).mean().clamp_min(1e-12))
    if module.skip is not None and module.sees_history:
        module.skip.weight.zero_()
        module.skip.weight[:, :width] = torch.eye(width, device=device)
        module.out.weight *= 0.1
    rows = np.random.default_rng(fitting.seed).permutation(len(histories))[:256]
    batch = fitting.batch(rows)
    spread = (pooled(module.history, batch) @ module.items.T).std(1).mean().clamp_min(1e-12)
    module.items.mul_(SPREAD / spread)
