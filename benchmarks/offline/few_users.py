"""EASE and EDLAE of fewer users than items, by a matrix of user pairs: the same scores, no matrix of item pairs.

X is the sparse float32[U, N] matrix of ones, D the diagonal that is added to G = X'X. With S = I + X D^-1 X' [U, U] and
M = S^-1 X D^-1 [U, N], Woodbury's identity makes P = (G + D)^-1 of them: P = D^-1 - D^-1 X' M. So

    B = I - P diag(1 / P_jj),   y B = y - (y D^-1 - (y D^-1 X') M) diag(1 / P_jj).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import linalg, sparse

Float64 = npt.NDArray[np.float64]
Product = Callable[[sparse.csr_matrix], npt.NDArray[np.float32]]
"""Rows y sparse float32[B, N] -> y B, dense [B, N]."""


def ridge(x: sparse.csr_matrix, regularization: float, dropout: float = 0.0) -> Float64:
    """float64[N] D: p / (1 - p) diag(G) + lambda, Steck 2020; without dropout p the lambda of EASE."""
    counts: Float64 = np.asarray(x.sum(axis=0), dtype=np.float64).ravel()
    return dropout / (1 - dropout) * counts + regularization


def linear(x: sparse.csr_matrix, added: Float64) -> Product:
    """y -> y B for the D `added` float64[N]; takes 8 U^2 + 4 U N bytes."""
    scaled = (x @ sparse.diags(1 / added)).tocsr()
    pairs = (scaled @ x.T).toarray(order="F")
    pairs[np.diag_indices_from(pairs)] += 1
    inverse = linalg.inv(pairs, overwrite_a=True, check_finite=False, assume_a="pos")
    wide: npt.NDArray[np.float32] = (scaled.T.tocsr() @ inverse).T.astype(np.float32)
    diagonal = 1 / added - np.asarray(scaled.multiply(wide).sum(axis=0)).ravel()
    users: Any = x.T.tocsr()

    def product(rows: sparse.csr_matrix) -> npt.NDArray[np.float32]:
        weighed = rows @ sparse.diags(1 / added)
        shared = (weighed @ users).toarray().astype(np.float32) @ wide
        shared /= diagonal.astype(np.float32)
        shared += (rows - weighed @ sparse.diags(1 / diagonal)).toarray().astype(np.float32)
        return shared

    return product
