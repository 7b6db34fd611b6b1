"""A table of the nearest items, and how strongly each speaks for them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional

if TYPE_CHECKING:
    from selfrec.plugin import UserBatch


class ItemKnn(nn.Module):
    """M neighbours int64[N + 1, M] of every item and padding, N where there are fewer; strengths float32[N + 1, M]."""

    def __init__(self, items: int, neighbours: int) -> None:
        super().__init__()
        self.register_buffer("neighbours", torch.full((items + 1, neighbours), items))
        self.register_buffer("strengths", torch.zeros(items + 1, neighbours))

    neighbours: Tensor
    strengths: Tensor

    def sparse_scores(self, batch: UserBatch, features: Tensor) -> tuple[Tensor, Tensor]:
        """int64[B, H M], float32[B, H M]: the neighbours of all history items, strengths times the items' weights."""
        users, slots = batch.history.shape
        count = self.neighbours.shape[1]
        numbers = torch.index_select(self.neighbours, 0, batch.history.reshape(-1)).reshape(users, slots * count)
        values = functional.embedding(batch.history, self.strengths) * batch.weights.unsqueeze(-1)
        return numbers, values.reshape(users, slots * count)
