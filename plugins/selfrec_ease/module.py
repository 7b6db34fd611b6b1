"""The history's row of X times the item weights."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from selfrec.plugin import UserBatch


class Ease(nn.Module):
    """Weights B float32[N, N] with a diagonal of 0."""

    def __init__(self, items: int) -> None:
        super().__init__()
        self.register_buffer("weights", torch.zeros(items, items))

    weights: Tensor

    def generate(self, batch: UserBatch, features: Tensor) -> Tensor:
        """x B, float32[B, N]."""
        items = self.weights.shape[0]
        row = batch.weights.new_zeros(batch.history.shape[0], items + 1)
        return row.scatter(1, batch.history, batch.weights)[:, :items] @ self.weights
