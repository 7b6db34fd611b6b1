"""ELSA (Vancura et al. 2022): a shallow linear autoencoder, x^ = A A^T x - x with rows of A of length 1.

    loss = mean over users and items of (x^/|x^| - x/|x|)^2 * N, which for one user is 2 - 2 cos(x^, x)

The published loss, as a cosine. x^ over all items is never needed: with G = A^T A,
|x^ - ...|^2 = z^T G z - 2 z^T z + x^T x for z = A^T x, and x^ . x = z^T z - x^T x.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from selfrec.plugin import Histories, item_directions
from selfrec_autoencoder.choice import Plan
from selfrec_autoencoder.linear import TINY, LinearAutoencoder
from selfrec_autoencoder.sparse import FlatBatch


def start_elsa(module: LinearAutoencoder, histories: Histories, plan: Plan, *, seed: int) -> None:
    """Singular vectors, rows scaled to length 1."""
    split = int(module.split)
    if plan.options.start == "svd" and module.width > split:
        directions = item_directions(histories, module.width - split, seed=seed)
        with torch.no_grad():
            module.encoder[:-1, split:] = functional.normalize(directions, dim=1)


def elsa_loss(module: LinearAutoencoder, batch: FlatBatch, rng: np.random.Generator, plan: Plan) -> Tensor:
    """float32[]: mean over the batch of 2 - 2 cos(x^, x), with x^ made from the history less the dropped slots."""
    split = int(module.split)
    table = functional.normalize(module.encoder[:-1, split:], dim=1)
    own = table if len(batch.items) == len(table) else functional.embedding(batch.items, table)
    x = batch.weights
    seen = torch.from_numpy(rng.random(len(batch.columns), dtype=np.float32) >= plan.elsa_dropout).to(x.device)
    shown = x * seen
    code = batch.pooled(shown, own)
    # x^ = A z - shown. Its products with x and with itself over all N items, from sums over the slots.
    at_slots = batch.dots(code, own)
    with_x = _by_row(batch, x * (at_slots - shown))
    square = ((code @ (table.T @ table)) * code).sum(1) - _by_row(batch, shown * (2 * at_slots - shown))
    length = _by_row(batch, x * x)
    cosine = with_x / (square.clamp_min(TINY).sqrt() * length.clamp_min(TINY).sqrt())
    return (2 - 2 * cosine).mean()


def _by_row(batch: FlatBatch, values: Tensor) -> Tensor:
    """float32[B] sums of float32[S]."""
    return torch.segment_reduce(values, "sum", offsets=batch.offsets)
