"""The ranker as printed: R = s(Wr [f, x_new] + br)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional

from selfrec_mlp.losses import ranking_loss
from selfrec_mlp.options import MlpOptions
from selfrec_mlp.scores import standardised

if TYPE_CHECKING:
    from selfrec.plugin import Sizes, UserBatch


class TextbookRanker(nn.Module):
    """R_j = s(w_f,j . f + w_x,j . x_new,j + b_j) for every candidate j.

    f is the encoder's features and x_new the generated preferences. Row j of Wr is [w_f,j, w_x,j]: each item weighs all
    features, and of the preferences its own. A full block over x_new would have N^2 weights, most for pairs of items
    that never meet in training. x_new is standardised within the candidates, because s rounds large logits to 1 and
    their order would be lost. At first w_f = 0, w_x = 1, b = 0, which keeps the generators' order.
    """

    def __init__(self, options: MlpOptions, sizes: Sizes) -> None:
        super().__init__()
        self.loss = options.loss
        self.n_items = sizes.items
        self.generators = sizes.generators
        start = torch.zeros(sizes.items + 1, sizes.features + sizes.generators + 1)
        start[:, sizes.features : -1] = 1
        self.rows = nn.Parameter(start)

    def logits(self, features: Tensor, candidates: Tensor, scores: Tensor) -> Tensor:
        """float32[B, C] before s."""
        rows = functional.embedding(candidates, self.rows)
        width = features.shape[1]
        x_new = standardised(scores)
        by_features = torch.matmul(rows[:, :, :width], features.unsqueeze(2)).squeeze(2)
        return by_features + (rows[:, :, width:-1] * x_new).sum(2) + rows[:, :, -1]

    def rank(self, batch: UserBatch, features: Tensor, candidates: Tensor, scores: Tensor) -> Tensor:
        """R of int64[B, C] candidates, float32[B, C] between 0 and 1."""
        return self.logits(features, candidates, scores).sigmoid()

    def training_loss(
        self, batch: UserBatch, features: Tensor, candidates: Tensor, scores: Tensor, labels: Tensor
    ) -> Tensor:
        """The chosen loss of the logits."""
        return ranking_loss(self.loss, self.logits(features, candidates, scores), labels, candidates < self.n_items)
