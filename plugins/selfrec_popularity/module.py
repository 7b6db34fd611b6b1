"""A query of ones and one factor an item: their product is the same popularity for every user."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from selfrec.plugin import UserBatch


class Popularity(nn.Module):
    """Scores float32[N] between 0 and 1, shared by all users."""

    def __init__(self, items: int) -> None:
        super().__init__()
        self.register_buffer("scores", torch.zeros(items))

    scores: Tensor

    def query(self, batch: UserBatch, features: Tensor) -> Tensor:
        """float32[B, 1] of ones."""
        return torch.ones_like(batch.weights.sum(1, keepdim=True))

    def item_factors(self) -> Tensor:
        """float32[N, 1]."""
        return self.scores[:, None]
