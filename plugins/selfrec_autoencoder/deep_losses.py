"""The losses of the deep autoencoders on a padded batch."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from selfrec.plugin import UserBatch
from selfrec_autoencoder.choice import Plan
from selfrec_autoencoder.deep import DeepAutoencoder


def deep_loss(module: DeepAutoencoder, batch: UserBatch, plan: Plan, rng: np.random.Generator) -> Tensor:
    """float32[]: squared error or multinomial likelihood, the input without the dropped slots."""
    x = module.scaled(batch.weights)
    shown = _dropped(x, plan.dropout, rng)
    hidden = module.decode(module.encode(batch.history, shown))
    if module.squared_error:
        return _squared_error(module, batch, x, hidden)
    return _multinomial(module, batch, hidden, plan, rng)


def _dropped(x: Tensor, share: float, rng: np.random.Generator) -> Tensor:
    """x float32[B, H] with a share of the slots at 0 and the others scaled to keep the sum."""
    if share == 0:
        return x
    seen = torch.from_numpy(rng.random(tuple(x.shape), dtype=np.float32) >= share).to(x.device)
    return x * seen / (1 - share)


def _squared_error(module: DeepAutoencoder, batch: UserBatch, x: Tensor, hidden: Tensor) -> Tensor:
    """mean over all B N entries of (x - x^)^2 with x^ = sigmoid(W2 z + b2); dense in this batch only."""
    guess = torch.sigmoid(torch.addmm(module.bias, hidden, module.output_rows().T))
    target = guess.new_zeros(len(guess), guess.shape[1] + 1).scatter_(1, batch.history, x)[:, :-1]
    return functional.mse_loss(guess, target)


def _multinomial(
    module: DeepAutoencoder, batch: UserBatch, hidden: Tensor, plan: Plan, rng: np.random.Generator
) -> Tensor:
    """-sum_j x_j log softmax_j over the history's items; a large catalog's softmax runs over a sample.

    The sample is the batch's own items and random others that stand for all that are left out.
    """
    n_items = len(module.bias)
    rows: Tensor = module.output_rows()
    bias: Tensor = module.bias
    places = batch.history
    if n_items > plan.options.full_softmax:
        own = np.unique(batch.history.cpu().numpy())
        own = own[own < n_items]
        rest = np.delete(np.arange(n_items), own)
        drawn = rng.choice(rest, min(plan.options.negatives, len(rest)), replace=False)
        chosen = torch.from_numpy(np.concatenate([own, drawn])).to(hidden.device)
        stands_for = np.concatenate([np.zeros(len(own)), np.full(len(drawn), np.log(len(rest) / max(1, len(drawn))))])
        bias = functional.embedding(chosen, bias[:, None])[:, 0]
        bias = bias + torch.from_numpy(stands_for.astype(np.float32)).to(hidden.device)
        rows = functional.embedding(chosen, rows)
        place_of = torch.zeros(n_items + 1, dtype=torch.int64, device=hidden.device)
        place_of[chosen[: len(own)]] = torch.arange(len(own), device=hidden.device)
        places = place_of[batch.history]
    logits = functional.log_softmax(torch.addmm(bias, hidden, rows.T), dim=1)
    real = (batch.history < n_items).to(logits.dtype)
    return -(logits.gather(1, places.clamp_max(logits.shape[1] - 1)) * real * batch.weights).sum(1).mean()
