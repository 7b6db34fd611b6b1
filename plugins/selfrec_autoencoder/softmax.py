"""Leave-one-out sampled softmax: every item of a history is told from all others by the rest of that history.

Twins have E and D of their own, another start and other slots dropped; gain, c and tau are common, and the loss is the
mean of both.

    z = sum_t w_t gain_t E_t over the kept slots;  h = z / |z|
    L_j = h . D_j / (|D_j| tau) + c_j                                   for items j outside the history
    l_t = (z - w_t gain_t E_t) . D_t / (|z - w_t gain_t E_t| |D_t| tau) + c_t    for its own items t
    loss = sum_u sum_t |H_u|^-a [log(e^l_t + sum_j e^L_j / q_j) - l_t] / sum_u |H_u|^(1-a)

On sparse rows tau is not trained. The likelihood of rows seen again and again drives it down: they are memorised, and
lists become worse, most of all for items far from the history. A fixed tau bounds the scores, and the bias, which tells
how popular an item is, has to rise quickly beside them.

The rest of the history never stands as a vector of its own: its product and its length follow from z . D_t, z . E_t,
E_t . D_t and |E_t|^2, so that a batch costs one dense product [B, d] x [d, candidates] and three sparse ones.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from selfrec.plugin import Histories, item_directions
from selfrec_autoencoder.choice import Plan
from selfrec_autoencoder.contrast import Workspace, contrast, normalised, row_dots
from selfrec_autoencoder.linear import MODELS, TINY, LinearAutoencoder
from selfrec_autoencoder.sparse import FlatBatch
from selfrec_autoencoder.touched import TouchedAdam

SHORTEST_REST = 1e-3
"""Least |z - e|^2 as a share of |z|^2: below it the difference is rounding, and so would be its direction."""

START_POWER = 0.4
"""E = V p^-.4 and D = V p^.4 for the singular vectors V: the split of popularity between the two tables."""


def start_softmax(module: LinearAutoencoder, histories: Histories, plan: Plan, *, seed: int) -> None:
    """Tables from the singular vectors, gains from popularity, temperature from the plan."""
    first, *second = module.softmax_columns
    popularity = torch.from_numpy(histories.item_counts().clip(1).astype(np.float32))
    with torch.no_grad():
        if plan.options.start == "svd":
            directions = item_directions(histories, first.stop, seed=seed)
            encoder = directions * popularity.pow(-START_POWER)[:, None]
            decoder = directions * popularity.pow(START_POWER)[:, None]
            module.encoder[:-1, first] = _mean_row_of_one(encoder)
            module.decoder[:, first] = _mean_row_of_one(decoder)
        for table in (module.encoder[:-1], module.decoder):
            for columns in second:
                table[:, columns] = _mean_row_of_one(table[:, columns])
        gain = popularity.pow(-plan.options.popularity_exponent)
        module.log_gain.copy_((gain / gain.mean()).log())
        module.log_temperature.fill_(float(np.log(plan.temperature)))


def _mean_row_of_one(table: Tensor) -> Tensor:
    scaled: Tensor = table / table.norm(dim=1).mean().clamp_min(TINY)
    return scaled


def _rows(module: LinearAutoencoder, name: str, numbers: Tensor, tables: TouchedAdam | None) -> Tensor:
    """float32[M, d'] softmax's columns of these rows of a table."""
    if tables is not None:
        return tables.take(name, numbers)
    return functional.embedding(numbers, getattr(module, name))[:, : int(module.split)]


class _Own(NamedTuple):
    """What one softmax has for itself in a step."""

    embeddings: Tensor
    """float32[M, d'] of the batch's items."""
    factors: Tensor
    """float32[M', d'] of the candidates, of length 1."""
    space: Workspace


class SoftmaxLoss:
    """The loss above, with the inclusion probabilities of the candidates that it is sampled with."""

    def __init__(self, histories: Histories, plan: Plan, device: torch.device) -> None:
        self.plan = plan
        self.whole = histories.n_items <= plan.options.full_softmax
        self.device = device
        self._absence = 1 - histories.item_counts() / max(1, len(histories))
        """float64[N] probability that an item is not in the history of a random user."""
        self._spaces = [Workspace() for _ in range(MODELS)]
        """Of each twin: the backward pass of one comes after the other's logits."""

    def __call__(
        self,
        module: LinearAutoencoder,
        batch: FlatBatch,
        rng: np.random.Generator,
        tables: TouchedAdam | None = None,
    ) -> Tensor:
        """float32[] for a batch whose columns are its own items, or all when `whole`.

        tables: what gives out the rows of encoder and decoder and trains them; None: autograd reaches the parameters.
        """
        candidates, log_q = self._candidates(batch, rng)
        embeddings = _rows(module, "encoder", batch.items, tables)
        decoder = _rows(module, "decoder", candidates, tables)
        bias = module.bias[candidates]
        losses = []
        for columns, space in zip(module.softmax_columns, self._spaces, strict=False):
            own = _Own(embeddings[:, columns].contiguous(), normalised(decoder[:, columns]), space)
            losses.append(self._loss(module, batch, rng, own, bias, log_q))
        return torch.stack(losses).mean()

    def _loss(
        self,
        module: LinearAutoencoder,
        batch: FlatBatch,
        rng: np.random.Generator,
        own: _Own,
        bias: Tensor,
        log_q: Tensor,
    ) -> Tensor:
        """float32[] of one softmax; bias and log_q float32[M'] of the candidates."""
        embeddings, factors, space = own
        of_batch = factors[: len(batch.items)]
        seen = torch.from_numpy(rng.random(len(batch.columns), dtype=np.float32) >= self.plan.dropout)
        gains = module.log_gain.exp()[batch.items]
        values = gains[batch.columns] * batch.weights * seen.to(self.device)

        code = batch.pooled(values, embeddings)
        length = code.norm(dim=1).clamp_min(TINY)
        sharpness = (-module.log_temperature).exp()
        query = code * (sharpness / length)[:, None]
        places = batch.rows * len(factors) + batch.columns
        others = contrast(query, factors, bias - log_q, places, space)
        crossed, square = row_dots(embeddings, of_batch)
        rest = self._rest(batch, values, code, length, embeddings, square)
        whole = batch.dots(query, of_batch) * length[batch.rows]
        hit = (whole - values * (sharpness * crossed)[batch.columns]) / rest + bias[batch.columns]
        shares = batch.lengths.clamp_min(1) ** -self.plan.options.length_exponent
        total = (functional.softplus(others[batch.rows] - hit) * shares[batch.rows]).sum()
        return total / (batch.lengths * shares).sum()

    def _rest(
        self, batch: FlatBatch, values: Tensor, code: Tensor, length: Tensor, embeddings: Tensor, square: Tensor
    ) -> Tensor:
        """float32[S]: |z - w_t gain_t E_t|; square float32[M] |E_t|^2."""
        with_itself = batch.dots(code, embeddings)
        of_row = length.square()[batch.rows]
        rest = of_row - 2 * values * with_itself + values.square() * square[batch.columns]
        return torch.maximum(rest, SHORTEST_REST * of_row.detach()).sqrt()

    def _candidates(self, batch: FlatBatch, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
        """int64[M'] the batch's own items, then random others; float32[M'] log of how likely each stands here.

        An item outside a history is a candidate when one of the B - 1 other histories holds it, or by the draw.
        """
        if self.whole:
            return batch.items, torch.zeros((), device=self.device)
        own = batch.items.cpu().numpy()
        rest = np.delete(np.arange(len(self._absence)), own)
        drawn = rng.choice(rest, min(self.plan.options.negatives, len(rest)), replace=False)
        candidates = np.concatenate([own, drawn])
        left_out = 1 - len(drawn) / max(1, len(rest))
        q = 1 - self._absence[candidates] ** (len(batch.lengths) - 1) * left_out
        return (
            torch.from_numpy(candidates).to(self.device),
            torch.from_numpy(np.log(q.clip(1e-9)).astype(np.float32)).to(self.device),
        )
