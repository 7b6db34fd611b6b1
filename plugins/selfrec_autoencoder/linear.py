"""Linear autoencoders: a history is the normalised sum of its items' embeddings, a score its product with factors."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional

from selfrec.plugin import Sizes, pool
from selfrec_autoencoder.options import AutoencoderOptions

if TYPE_CHECKING:
    from selfrec.plugin import UserBatch

MODELS = 3
"""Most models side by side."""

TINY = 1e-6
"""Smallest length that is divided by: a history without known items gets the zero code."""


class LinearAutoencoder(nn.Module):
    """Models side by side in one table of d columns: first softmax, once or as twins, then ELSA.

    softmax  z = sum_t w_t gain_t E_t;  h = z / |z|;  score_j = h . D_j / (|D_j| tau) + c_j
             twins: E, D, z and h are each one's own, and the score is the mean of both
    elsa     z = sum_t w_t gain'_t A_t; h = z / |z|;  score_j = strength h . A_j scale_j  (A_j of length 1)
             folded (see edlae.py): the same with tables of their own on both sides, A_t and D_j

    `split` columns belong to softmax, which has them all or, as `twins`, half of them each. Both are part of the state,
    because "auto" decides them when the rows are seen.
    The parameters are what is trained; `derive` makes of them the two tables that scoring needs.
    """

    def __init__(self, options: AutoencoderOptions, sizes: Sizes) -> None:
        super().__init__()
        self.width = options.width
        self.length_exponent = options.length_exponent
        self.popularity_exponent = options.popularity_exponent
        items, d = sizes.items, options.width
        self.encoder = nn.Parameter(torch.randn(items + 1, d) / math.sqrt(d))
        self.decoder = nn.Parameter(torch.randn(items, d) / math.sqrt(d))
        self.log_gain = nn.Parameter(torch.zeros(items))
        self.bias = nn.Parameter(torch.zeros(items))
        self.log_elsa_gain = nn.Parameter(torch.zeros(items))
        self.log_elsa_scale = nn.Parameter(torch.zeros(items))
        self.log_temperature = nn.Parameter(torch.tensor(math.log(options.temperature or 0.12)))
        self.register_buffer("split", torch.tensor(0 if options.objective == "elsa" else d))
        self.register_buffer("twins", torch.tensor(1))
        self.register_buffer("folded", torch.tensor(0))
        self.register_buffer("strength", torch.tensor(1.0))
        self.register_buffer("embeddings", torch.zeros(items + 1, d), persistent=False)
        self.register_buffer("factors", torch.zeros(items, d + 1), persistent=False)
        self.register_buffer("groups", torch.zeros(d, MODELS), persistent=False)
        self.register_load_state_dict_post_hook(_derive)  # type: ignore[no-untyped-call]
        self.derive()

    split: Tensor
    twins: Tensor
    folded: Tensor
    strength: Tensor
    embeddings: Tensor
    factors: Tensor
    groups: Tensor

    @property
    def items(self) -> int:
        """N."""
        return len(self.bias)

    @property
    def softmax_columns(self) -> list[slice]:
        """The columns of each softmax."""
        split, twins = int(self.split), int(self.twins)
        return [slice(split * one // twins, split * (one + 1) // twins) for one in range(twins)]

    @torch.no_grad()
    def derive(self) -> None:
        """Fill the tables of scoring from the parameters."""
        split = int(self.split)
        self.embeddings.copy_(self.encoder)
        self.embeddings[:-1, :split] *= self.log_gain.exp()[:, None]
        linear = self.decoder[:, split:]
        if not bool(self.folded):
            self.embeddings[:-1, split:], linear = self.elsa_tables()
        self.embeddings[-1] = 0
        share = 1 / (self.log_temperature.exp() * self.twins)
        for columns in self.softmax_columns:
            self.factors[:, columns] = functional.normalize(self.decoder[:, columns], dim=1) * share
        self.factors[:, split:-1] = linear * self.strength
        self.factors[:, -1] = self.bias if split > 0 else 0
        self.groups.zero_()
        for model, columns in enumerate([*self.softmax_columns, slice(split, None)]):
            self.groups[columns, model] = 1

    def elsa_tables(self) -> tuple[Tensor, Tensor]:
        """float32[N, d'] gain' A of a history's items and float32[N, d'] A scale of the items that are ranked."""
        directions = functional.normalize(self.encoder[:-1, int(self.split) :], dim=1)
        return directions * self.log_elsa_gain.exp()[:, None], directions * self.log_elsa_scale.exp()[:, None]

    def train(self, mode: bool = True) -> LinearAutoencoder:
        """As nn.Module.train; leaving training derives the tables of scoring."""
        super().train(mode)
        if not mode:
            self.derive()
        return self

    def extract(self, batch: UserBatch) -> Tensor:
        """The code h of every history, float32[B, d]; 0 for an empty one."""
        code = pool(self.embeddings, batch.history, batch.weights)
        lengths = (code.square() @ self.groups).sqrt().clamp_min(TINY)
        return code * (lengths.reciprocal() @ self.groups.T)

    def query(self, batch: UserBatch, features: Tensor) -> Tensor:
        """float32[B, d + 1]: the code and a one for the items' bias."""
        return torch.cat([features, torch.ones_like(features[:, :1])], dim=1)

    def item_factors(self) -> Tensor:
        """float32[N, d + 1]."""
        return self.factors


def _derive(module: nn.Module, _: object) -> None:
    assert isinstance(module, LinearAutoencoder)
    module.derive()
