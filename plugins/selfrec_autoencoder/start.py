"""Closed-form starts: a randomised singular value decomposition of the normalised users x items matrix."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from selfrec.plugin import Histories

Ints = npt.NDArray[np.int64]

POWER_STEPS = 3
OVERSAMPLING = 16


def item_directions(histories: Histories, width: int, *, seed: int) -> Tensor:
    """float32[N, width] right singular vectors V of L^-1/4 X P^-1/2, largest first; L user lengths, P popularity.

    Halko, Martinsson and Tropp 2011, algorithm 4.4, on X^T X. X is 0/1. Columns past its rank are 0.
    """
    matrix, transposed = _normalised(histories)
    users, items = matrix.shape
    rank = min(width + OVERSAMPLING, users, items)
    generator = torch.Generator().manual_seed(seed % 2**63)
    basis = torch.randn(items, rank, generator=generator)
    for _ in range(POWER_STEPS):
        basis = torch.linalg.qr(transposed @ (matrix @ basis)).Q
    projected = matrix @ basis
    values, vectors = torch.linalg.eigh(projected.T @ projected)
    kept = min(width, rank)
    directions = torch.zeros(items, width)
    directions[:, :kept] = basis @ vectors.flip(1)[:, :kept]
    directions[:, :kept][:, values.flip(0)[:kept] <= 1e-6 * values[-1]] = 0
    return directions


def _normalised(histories: Histories) -> tuple[Tensor, Tensor]:
    """L^-1/4 X P^-1/2 and its transpose, sparse."""
    lengths, popularity = histories.lengths.clip(1), histories.item_counts().clip(1)
    rows, items = histories.row_numbers, histories.items.astype(np.int64)
    values = (lengths[rows] ** -0.25 * popularity[items] ** -0.5).astype(np.float32)
    users, order = len(histories), np.argsort(items, kind="stable")
    starts = np.concatenate([[0], np.cumsum(histories.item_counts())]).astype(np.int64)
    return (
        _csr(histories.offsets, items, values, (users, histories.n_items)),
        _csr(starts, rows[order], values[order], (histories.n_items, users)),
    )


def _csr(offsets: Ints, columns: Ints, values: npt.NDArray[np.float32], size: tuple[int, int]) -> Tensor:
    parts = [torch.from_numpy(np.ascontiguousarray(part)) for part in (offsets, columns, values)]
    return torch.sparse_csr_tensor(parts[0], parts[1], parts[2], size=size, check_invariants=False)
