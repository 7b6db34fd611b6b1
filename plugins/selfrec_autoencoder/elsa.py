"""ELSA (Vancura et al. 2022) with a gain for every item on either side, x^ = S A A^T G x less its diagonal, |A_j| = 1.

    loss = mean over users and items of (x^/|x^| - x/|x|)^2 * N, which for one user is 2 - 2 cos(x^, x)

The published loss, as a cosine; published are G = S = 1. The gains tell items that say much of their users, and items
that many users want, from others, which directions alone cannot. Where events have times they stay 1: S learns how
popular items were over all of the rows, which stands in the way of the recent popularity that is added to the scores.
x^ over all items is never needed: with z = A^T G x and B = S A, the sum of all squares is z^T B^T B z, less what the
items of the history change, since x^_j = s_j (A_j . z - g_j x_j) for them.
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
    """Singular vectors, rows scaled to length 1, in the plan's columns; all gains 1."""
    split = int(module.split)
    columns = slice(split, split + plan.elsa_columns)
    with torch.no_grad():
        if plan.options.start == "svd" and plan.elsa_columns > 0:
            directions = item_directions(histories, plan.elsa_columns, seed=seed)
            module.encoder[:-1, columns] = functional.normalize(directions, dim=1)
        # Columns that start at 0 stay there.
        module.encoder[:, columns.stop :] = 0
        module.log_elsa_gain.zero_()
        module.log_elsa_scale.zero_()


def elsa_loss(module: LinearAutoencoder, batch: FlatBatch, rng: np.random.Generator, plan: Plan) -> Tensor:
    """float32[]: mean over the batch of 2 - 2 cos(x^, x), with x^ made from the history less the dropped slots."""
    table = functional.normalize(module.encoder[:-1, int(module.split) :], dim=1)
    scale = module.log_elsa_scale.exp()
    own = table if len(batch.items) == len(table) else functional.embedding(batch.items, table)
    x, of_slot = batch.weights, batch.items[batch.columns]
    seen = torch.from_numpy(rng.random(len(batch.columns), dtype=np.float32) >= plan.elsa_dropout).to(x.device)
    shown = x * seen * module.log_elsa_gain.exp()[of_slot]
    code = batch.pooled(shown, own)
    with_itself = scale[of_slot] * batch.dots(code, own)
    guess = with_itself - scale[of_slot] * shown
    scaled = table * scale[:, None]
    square = ((code @ (scaled.T @ scaled)) * code).sum(1) + _by_row(batch, guess.square() - with_itself.square())
    lengths = square.clamp_min(TINY).sqrt() * _by_row(batch, x * x).clamp_min(TINY).sqrt()
    return (2 - 2 * _by_row(batch, x * guess) / lengths).mean()


def _by_row(batch: FlatBatch, values: Tensor) -> Tensor:
    """float32[B] sums of float32[S]."""
    return torch.segment_reduce(values, "sum", offsets=batch.offsets)
