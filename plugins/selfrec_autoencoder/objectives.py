"""The losses of the linear autoencoders: leave-one-out softmax and ELSA."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from selfrec.plugin import Histories
from selfrec_autoencoder.linear import TINY, LinearAutoencoder
from selfrec_autoencoder.sparse import FlatBatch

SMALLEST_REST = 1e-3
"""Least share of a code's squared length that is left when one item is taken out of it."""


@dataclass(frozen=True)
class Sampler:
    """Which items a batch is compared with: all of them, or its own and some random others."""

    frequency: Tensor
    """float64[N] share of users who have each item."""
    negatives: int
    whole: bool
    """Compare with the whole catalog."""

    @classmethod
    def of(cls, histories: Histories, negatives: int, full_softmax: int) -> Sampler:
        """The sampler for these training rows."""
        frequency = torch.from_numpy(histories.item_counts() / max(1, len(histories)))
        return cls(frequency, negatives, histories.n_items <= full_softmax)

    def others(self, items: Tensor, users: int, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
        """Candidates int64[C], the batch's items first, and the log of the chance that each is among them.

        An item is there because one of the batch's users has it, or because it was drawn from the rest; the
        correction -log q makes the sampled sum an estimate of the whole (Jean et al. 2015, section 3).
        """
        n_items = len(self.frequency)
        free = np.ones(n_items, dtype=np.bool_)
        free[items.numpy()] = False
        rest = np.flatnonzero(free)
        count = min(self.negatives, len(rest))
        drawn = torch.from_numpy(rng.choice(rest, count, replace=False))
        candidates = torch.cat([items, drawn])
        drawn_chance = count / max(1, len(rest))
        absent = (1 - self.frequency[candidates]) ** max(0, users - 1) * (1 - drawn_chance)
        return candidates, torch.log1p(-absent.clamp(max=1 - 1e-9)).float()


def softmax_loss(
    module: LinearAutoencoder, batch: FlatBatch, sampler: Sampler, seen: Tensor, rng: np.random.Generator
) -> Tensor:
    """Leave-one-out softmax: every item of a history against all items outside it, from the rest of the history.

    z = sum w_t E_t over the slots that dropout left (seen float32[S] is 1 or 0). For target t its own share is taken
    out of z again, l_t = (z - w_t E_t) . D_t / (|z - w_t E_t| tau) + c_t, so no slot helps to predict itself. Loss
    log(e^l_t + sum over items j outside the history of e^l_j) - l_t, with weight |H|^-length_exponent a slot.
    """
    split = int(module.split)
    if sampler.whole:
        candidates, log_chance = batch.items, None
    else:
        candidates, log_chance = sampler.others(batch.items, len(batch.lengths), rng)
    own = batch.items
    encoder = module.encoder[:-1, :split] if sampler.whole else module.encoder[own, :split]
    directions = functional.normalize(module.decoder[candidates, :split], dim=1) / module.log_temperature.exp()
    bias = module.bias[candidates]
    values = module.log_gain.exp()[own][batch.columns] * batch.weights * seen
    code = batch.pooled(values, encoder)
    length = code.norm(dim=1).clamp_min(TINY)
    scores = (code / length[:, None]) @ directions.T
    left_out = _left_out_scores(batch, encoder, directions[: len(own)], values, code, length, scores)
    others = scores + (bias if log_chance is None else bias - log_chance)
    mask = torch.zeros_like(others, dtype=torch.bool)
    mask[batch.rows, batch.columns] = True
    log_sum = torch.logsumexp(others.masked_fill(mask, -torch.inf), dim=1)
    wanted = left_out + bias[batch.columns]
    per_slot = functional.softplus(log_sum[batch.rows] - wanted)
    weights = batch.lengths[batch.rows] ** -module.length_exponent
    return (per_slot * weights).sum() / (batch.lengths ** (1 - module.length_exponent)).sum()


def _left_out_scores(
    batch: FlatBatch, encoder: Tensor, directions: Tensor, values: Tensor, code: Tensor, length: Tensor, scores: Tensor
) -> Tensor:
    """float32[S] score of each slot's item from the code without that slot.

    By the sums |z - v e|^2 = |z|^2 - 2 v z.e + v^2 |e|^2 and (z - v e).d = z.d - v e.d, so nothing of size [S, d]
    is kept.
    """
    rows, columns = batch.rows, batch.columns
    own_score = scores[rows, columns] * length[rows] - values * (encoder * directions).sum(1)[columns]
    squared = length[rows] ** 2
    along = batch.dots(code, encoder)
    rest = squared - 2 * values * along + values**2 * encoder.square().sum(1)[columns]
    return own_score / torch.maximum(rest, SMALLEST_REST * squared.detach()).sqrt()


def elsa_loss(module: LinearAutoencoder, batch: FlatBatch, seen: Tensor) -> Tensor:
    """ELSA (Vancura et al. 2022): |x / |x| - y / |y||^2 with y = x (A A^T - I), the rows of A of length 1.

    The batch's columns are the whole catalog. seen float32[S] drops input items.
    """
    split = int(module.split)
    rows = functional.normalize(module.encoder[:-1, split:], dim=1)
    values = batch.weights * seen
    scores = batch.pooled(values, rows) @ rows.T
    present = torch.zeros_like(scores)
    present[batch.rows, batch.columns] = values
    predicted = functional.normalize(scores - present, dim=1, eps=TINY)
    wanted = torch.zeros_like(scores)
    wanted[batch.rows, batch.columns] = batch.weights
    wanted = functional.normalize(wanted, dim=1, eps=TINY)
    return (predicted - wanted).square().sum(1).mean()
