"""Deep autoencoders: Mult-DAE (Liang et al. 2018) and the textbook one with sigmoid units."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from selfrec.plugin import Sizes, pool
from selfrec_autoencoder.linear import TINY
from selfrec_autoencoder.options import AutoencoderOptions

if TYPE_CHECKING:
    from selfrec.plugin import UserBatch

ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "relu": torch.relu,
    "linear": lambda x: x,
}


class DeepAutoencoder(nn.Module):
    """z = s(W1 x + b1) .. and x^ = .. W2 z + b2, the last layer's s being the loss's own (softmax or sigmoid).

    depth 1: items -> width -> items. depth n: n - 1 layers of `hidden` units between, on both sides.
    W1 and W2 are tables over items: a history is a sum of rows, never a vector of N zeros and ones.
    x of a slot is its weight over the row's largest (squared_error) or over the row's length |x| (multinomial).
    """

    def __init__(self, options: AutoencoderOptions, sizes: Sizes) -> None:
        super().__init__()
        self.width = options.width
        self.squared_error = options.objective == "squared_error"
        self.tied = options.tied
        self.activation = options.activation or ("sigmoid" if self.squared_error else "tanh")
        hidden = [options.hidden] * (options.depth - 1)
        inner = [*hidden, options.width]
        scale = math.sqrt(2 / (sizes.items + inner[0]))
        self.embeddings = nn.Parameter(torch.randn(sizes.items + 1, inner[0]) * scale)
        self.embedding_bias = nn.Parameter(torch.zeros(inner[0]))
        self.encoder = _layers(inner)
        self.decoder = _layers(inner[::-1])
        self.factors = nn.Parameter(torch.randn(0 if options.tied else sizes.items, inner[0]) * scale)
        self.bias = nn.Parameter(torch.zeros(sizes.items))
        with torch.no_grad():
            self.embeddings[-1] = 0

    def extract(self, batch: UserBatch) -> Tensor:
        """The code z, float32[B, width]."""
        return self.encode(batch.history, self.scaled(batch.weights))

    def query(self, batch: UserBatch, features: Tensor) -> Tensor:
        """float32[B, h + 1]: the decoder's last hidden layer and a one for b2."""
        hidden = self.decode(features)
        return torch.cat([hidden, torch.ones_like(hidden[:, :1])], dim=1)

    def item_factors(self) -> Tensor:
        """float32[N, h + 1]: W2 and b2."""
        return torch.cat([self.output_rows(), self.bias[:, None]], dim=1)

    def output_rows(self) -> Tensor:
        """W2 as float32[N, h]."""
        return self.embeddings[:-1] if self.tied else self.factors

    def scaled(self, weights: Tensor) -> Tensor:
        """x at the slots, float32[B, H]."""
        if self.squared_error:
            return weights / weights.amax(1, keepdim=True).clamp_min(TINY) if weights.shape[1] else weights
        return weights / weights.square().sum(1, keepdim=True).sqrt().clamp_min(TINY)

    def encode(self, history: Tensor, x: Tensor) -> Tensor:
        """z float32[B, width] of int64[B, H] items and float32[B, H] values."""
        s = ACTIVATIONS[self.activation]
        z = s(pool(self.embeddings, history, x) + self.embedding_bias)
        for layer in self.encoder:
            z = s(layer(z))
        return z

    def decode(self, z: Tensor) -> Tensor:
        """float32[B, h], what W2 is multiplied with."""
        s = ACTIVATIONS[self.activation]
        for layer in self.decoder:
            z = s(layer(z))
        return z


def _layers(widths: list[int]) -> nn.ModuleList:
    return nn.ModuleList(_layer(before, after) for before, after in pairwise(widths))


def _layer(before: int, after: int) -> nn.Linear:
    layer = nn.Linear(before, after)
    nn.init.xavier_normal_(layer.weight)
    nn.init.zeros_(layer.bias)
    return layer
