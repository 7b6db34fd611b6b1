"""A batch of users as tensors, and the pooling of item embeddings that every part shares."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional

from selfrec.histories import Histories


class UserBatch(NamedTuple):
    """B users' histories. Slots holding item number N are padding and carry weight 0; they stand anywhere."""

    history: Tensor
    """int64[B, H] item numbers, newest last."""
    weights: Tensor
    """float32[B, H] preference weights."""
    ages: Tensor
    """float32[B, H] days from event to scoring; 0 in padding and where unknown."""
    user_features: Tensor
    """float32[B, U] numeric user columns; 0 is "unknown"."""

    @classmethod
    def of(
        cls,
        histories: Histories,
        rows: npt.ArrayLike | None = None,
        *,
        device: torch.device | str = "cpu",
    ) -> UserBatch:
        """The batch of these rows (int[B]) of the histories, all rows when None."""
        part = histories if rows is None else histories.take(rows)
        padded = part.padded()
        features = part.user_features
        if features is None:
            features = np.zeros((len(part), 0), dtype=np.float32)
        arrays = (*padded, features)
        return cls(*(torch.from_numpy(np.ascontiguousarray(array)).to(device) for array in arrays))


def pool(table: Tensor, history: Tensor, weights: Tensor) -> Tensor:
    """Weighted sum of item embeddings: float32[N + 1, d], int64[B, H], float32[B, H] -> float32[B, d].

    Row N of the table (padding) must not matter, so padding carries weight 0.
    """
    if torch.compiler.is_exporting() or torch.onnx.is_in_onnx_export():
        # EmbeddingBag would export as a Loop; a padded gather and a product run in every runtime.
        # The sum as a product [B, 1, H] x [B, H, d]: a third less time than multiply and reduce in onnxruntime.
        return torch.matmul(weights.unsqueeze(1), functional.embedding(history, table)).squeeze(1)
    if history.shape[1] == 0:
        return table.new_zeros(history.shape[0], table.shape[1])
    return functional.embedding_bag(history, table, mode="sum", per_sample_weights=weights)
