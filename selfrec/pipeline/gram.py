"""The items' Gram matrix: what linear models in closed form are solved from."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from selfrec.histories import Histories

CELLS = 32 << 20
"""Cells of X that are dense at a time, 128 MB."""


def gram_matrix(histories: Histories, *, weighted: bool = False) -> Tensor:
    """float64[N, N] X^T X, X_ui = 1 where user u has item i (the weight, if `weighted`), else 0.

    X is dense for a batch of users at a time only; the result takes 8 N^2 bytes.
    """
    n_items = histories.n_items
    gram = torch.zeros(n_items, n_items, dtype=torch.float64)
    size = max(1, CELLS // max(1, n_items))
    for start in range(0, len(histories), size):
        part = histories.take(np.arange(start, min(start + size, len(histories))))
        values = torch.from_numpy(part.weights) if weighted else torch.ones(len(part.items))
        rows = torch.zeros(len(part), n_items)
        rows[torch.from_numpy(part.row_numbers), torch.from_numpy(part.items).long()] = values
        gram += rows.T @ rows
    return gram
