"""One number a user and one an item: their product is the popularity, the same for users of like many items."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from selfrec.plugin import UserBatch


class Popularity(nn.Module):
    """Scores float32[N] between 0 and 1, divided by n ^ length_exponent for a user of n history items."""

    def __init__(self, items: int, length_exponent: float = 0.0) -> None:
        super().__init__()
        self.length_exponent = length_exponent
        self.register_buffer("scores", torch.zeros(items))

    scores: Tensor

    def query(self, batch: UserBatch, features: Tensor) -> Tensor:
        """float32[B, 1]: n ^ -length_exponent."""
        if self.length_exponent == 0:
            return torch.ones_like(batch.weights.sum(1, keepdim=True))
        items = (batch.weights > 0).to(batch.weights.dtype).sum(1, keepdim=True)
        return items.clamp_min(1) ** -self.length_exponent

    def item_factors(self) -> Tensor:
        """float32[N, 1]."""
        return self.scores[:, None]
