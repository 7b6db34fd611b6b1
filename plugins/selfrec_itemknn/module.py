"""A table of the nearest items, and how strongly each speaks for them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn import functional

if TYPE_CHECKING:
    from selfrec.plugin import UserBatch


class ItemKnn(nn.Module):
    """M neighbours int64[N + 1, M] of every item and padding, N where there are fewer; strengths float32[N + 1, M]."""

    def __init__(self, items: int, neighbours: int) -> None:
        super().__init__()
        self.items = items
        self.register_buffer("neighbours", torch.empty(0))
        self.register_buffer("strengths", torch.empty(0))
        self.clear(neighbours)

    neighbours: Tensor
    strengths: Tensor

    def clear(self, neighbours: int) -> None:
        """No neighbours yet, and room for so many of every item."""
        device = self.strengths.device
        self.neighbours = torch.full((self.items + 1, neighbours), self.items, device=device)
        self.strengths = torch.zeros(self.items + 1, neighbours, device=device)

    def _load_from_state_dict(self, state_dict: Mapping[str, Any], prefix: str, *more: Any) -> None:
        """The room is that of what is loaded: a trainer may have chosen it."""
        loaded = state_dict.get(f"{prefix}strengths")
        if loaded is not None and loaded.shape[1:] != self.strengths.shape[1:]:
            self.clear(loaded.shape[1])
        super()._load_from_state_dict(state_dict, prefix, *more)

    def sparse_scores(self, batch: UserBatch, features: Tensor) -> tuple[Tensor, Tensor]:
        """int64[B, H M], float32[B, H M]: the neighbours of all history items, strengths times the items' weights."""
        users, slots = batch.history.shape
        count = self.neighbours.shape[1]
        numbers = torch.index_select(self.neighbours, 0, batch.history.reshape(-1)).reshape(users, slots * count)
        values = functional.embedding(batch.history, self.strengths) * batch.weights.unsqueeze(-1)
        return numbers, values.reshape(users, slots * count)
