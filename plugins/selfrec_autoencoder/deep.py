"""Autoencoders with layers: Mult-DAE (Liang et al. 2018) and the textbook one with sigmoid units."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional

from selfrec.plugin import Sizes, pool
from selfrec_autoencoder.options import AutoencoderOptions

if TYPE_CHECKING:
    from selfrec.plugin import UserBatch
    from selfrec_autoencoder.sparse import FlatBatch

ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "relu": torch.relu,
    "linear": torch.clone,
}


class DeepAutoencoder(nn.Module):
    """z = s(W1 x + b1), more layers between where depth > 1, x^ = s(W2 z + b2).

    squared_error: x is a history's weights divided by the largest of them, so in 0..1; the loss is the mean over all
    N items of (x - x^)^2. multinomial: x of length 1, the loss - sum_j x_j log softmax(W2 z + b2)_j of a history
    whose weights sum to 1. Scores are W2 z + b2, which order the items as x^ does.
    """

    def __init__(self, options: AutoencoderOptions, sizes: Sizes) -> None:
        super().__init__()
        self.width = options.width
        self.objective = options.objective
        self.activation = options.activation or ("tanh" if options.objective == "multinomial" else "sigmoid")
        middle = [options.hidden] * (options.depth - 1)
        up, down = [*middle, options.width], [options.width, *reversed(middle)]
        self.first = nn.Parameter(torch.empty(sizes.items + 1, up[0]))
        self.first_bias = nn.Parameter(torch.zeros(up[0]))
        self.encoders = nn.ModuleList(nn.Linear(a, b) for a, b in pairwise(up))
        self.decoders = nn.ModuleList(nn.Linear(a, b) for a, b in pairwise(down))
        self.last = None if options.tied else nn.Parameter(torch.empty(sizes.items, down[-1]))
        self.last_bias = nn.Parameter(torch.zeros(sizes.items))
        for table in (self.first, self.last):
            if table is not None:
                nn.init.xavier_uniform_(table)
        with torch.no_grad():
            self.first[-1] = 0

    def extract(self, batch: UserBatch) -> Tensor:
        """The code z, float32[B, d]."""
        if self.objective == "multinomial":
            scale = batch.weights.square().sum(1, keepdim=True).sqrt()
        else:
            # One more column, so that the largest of an empty row is defined.
            scale = functional.pad(batch.weights, (0, 1)).amax(1, keepdim=True)
        weights = batch.weights / scale.clamp_min(1e-6)
        return self._encoded(pool(self.first, batch.history, weights))

    def query(self, batch: UserBatch, features: Tensor) -> Tensor:
        """float32[B, d + 1]: what the last layer sees, and a one for its bias."""
        hidden = self._decoded(features)
        return torch.cat([hidden, torch.ones_like(hidden[:, :1])], dim=1)

    def item_factors(self) -> Tensor:
        """float32[N, d + 1]: W2 and b2."""
        return torch.cat([self._output(), self.last_bias[:, None]], dim=1)

    def loss(self, batch: FlatBatch, seen: Tensor) -> Tensor:
        """Of a batch over all columns; seen float32[S] is 0 for input items that were dropped."""
        values = batch.weights * seen
        multinomial = self.objective == "multinomial"
        scale = _by_row(batch, values.square(), "sum").sqrt() if multinomial else _by_row(batch, batch.weights, "amax")
        code = self._encoded(batch.pooled(values / scale.clamp_min(1e-6)[batch.rows], self.first[:-1]))
        logits = functional.linear(self._decoded(code), self._output(), self.last_bias)
        if multinomial:
            shares = batch.weights / _by_row(batch, batch.weights, "sum")[batch.rows]
            taken = torch.log_softmax(logits, dim=1)[batch.rows, batch.columns]
            return -(shares * taken).sum() / len(batch.lengths)
        wanted = torch.zeros_like(logits)
        wanted[batch.rows, batch.columns] = batch.weights / scale[batch.rows]
        return (wanted - ACTIVATIONS[self.activation](logits)).square().mean()

    def _encoded(self, pooled: Tensor) -> Tensor:
        hidden = self._activated(pooled + self.first_bias)
        for layer in self.encoders:
            hidden = self._activated(layer(hidden))
        return hidden

    def _decoded(self, code: Tensor) -> Tensor:
        for layer in self.decoders:
            code = self._activated(layer(code))
        return code

    def _activated(self, value: Tensor) -> Tensor:
        return ACTIVATIONS[self.activation](value)

    def _output(self) -> Tensor:
        return self.first[:-1] if self.last is None else self.last


def _by_row(batch: FlatBatch, values: Tensor, reduce: str) -> Tensor:
    """float32[B]: the sum or largest of float32[S] values of each row."""
    start = torch.zeros(len(batch.lengths), device=values.device)
    return start.scatter_reduce(0, batch.rows, values, reduce)
