"""Models of item pairs: ItemKNN, EASE and EDLAE, in closed form.

X is the sparse float32[U, N] matrix of ones, G = X'X the numbers of users two items share.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse
from scipy.linalg import lapack

from benchmarks.offline.lists import best

Dense = npt.NDArray[np.floating[Any]]

EXACT_ITEMS = 10_000
"""Up to so many items the inverse is taken in float64, beyond in float32."""

_BLOCK = 512


def dense_bytes(n_items: int) -> int:
    """Bytes of a dense model of this many items; fitting one needs little more."""
    return n_items**2 * (8 if n_items <= EXACT_ITEMS else 4)


def ease(x: sparse.csr_matrix, regularization: float) -> Dense:
    """Steck 2019, "Embarrassingly Shallow Autoencoders for Sparse Data", equation 8: [N, N], zero diagonal.

    P = (G + lambda I)^-1, B_ij = -P_ij / P_jj. Scores are X B.
    """
    return _without_diagonal(gram(x), np.full(x.shape[1], regularization))


def edlae(x: sparse.csr_matrix, regularization: float, dropout: float) -> Dense:
    """Steck 2020, "Autoencoders that don't overfit towards the Identity", full rank: [N, N], zero diagonal.

    As EASE, with Lambda = p / (1 - p) diag(G) + lambda I: what input dropout of probability p comes to.
    """
    counts = np.asarray(x.sum(axis=0), dtype=np.float64).ravel()
    return _without_diagonal(gram(x), dropout / (1 - dropout) * counts + regularization)


def item_knn(x: sparse.csr_matrix, neighbours: int, shrink: float) -> sparse.csr_matrix:
    """Cosine of item pairs, S_ij = G_ij / (sqrt(G_ii G_jj) + shrink), the nearest of each item j: sparse [N, N].

    Column j holds the neighbours of j, at most `neighbours`; of equal ones the lower number. Scores are X S.
    """
    n_items = x.shape[1]
    columns = x.tocsc()
    norms = np.sqrt(np.asarray(x.sum(axis=0), dtype=np.float64).ravel())
    rows, items, values = [], [], []
    for start in range(0, n_items, _BLOCK):
        block = np.arange(start, min(start + _BLOCK, n_items))
        shared = (columns[:, block].T @ x).toarray()
        # An item of no user shares nothing, whatever its norm: 0 / shrink, and 0 / tiny without.
        divisor = np.maximum(norms[block, None] * norms + shrink, 1e-12)
        similar = (shared / divisor).astype(np.float32)
        similar[np.arange(len(block)), block] = 0
        nearest = best(similar, neighbours)
        rows.append(np.repeat(block, nearest.shape[1]))
        items.append(nearest.ravel())
        values.append(np.take_along_axis(similar, nearest, axis=1).ravel())
    kept = np.concatenate(values)
    similarity = sparse.coo_matrix(
        (kept, (np.concatenate(items), np.concatenate(rows))), shape=(n_items, n_items), dtype=np.float32
    ).tocsr()
    similarity.eliminate_zeros()
    return similarity


def gram(x: sparse.csr_matrix) -> Dense:
    """G dense [N, N] in Fortran order, as LAPACK wants it."""
    n_items = x.shape[1]
    dtype = np.float64 if n_items <= EXACT_ITEMS else np.float32
    shared = np.empty((n_items, n_items), dtype=dtype, order="F")
    columns, transposed = x.tocsc(), x.T.tocsr()
    for start in range(0, n_items, _BLOCK):
        shared[:, start : start + _BLOCK] = (transposed @ columns[:, start : start + _BLOCK]).toarray()
    return shared


def _without_diagonal(shared: Dense, added: npt.NDArray[np.float64]) -> Dense:
    """B of G (overwritten) and what is added to its diagonal; B_ij = -P_ij / P_jj, B_jj = 0. In C order."""
    diagonal = np.einsum("ii->i", shared)
    diagonal += added.astype(shared.dtype)
    # P is symmetric, so its transpose, which is in C order, is P.
    weights = _inverse(shared).T
    weights /= -np.diag(weights).copy()
    np.fill_diagonal(weights, 0)
    return weights


def _inverse(matrix: Dense) -> Dense:
    """The inverse of a symmetric positive definite matrix in Fortran order, in its own place."""
    factorise, invert = (lapack.dpotrf, lapack.dpotri) if matrix.dtype == np.float64 else (lapack.spotrf, lapack.spotri)
    factor, failed = factorise(matrix, lower=True, clean=False, overwrite_a=True)
    if failed:
        raise np.linalg.LinAlgError(f"the matrix is not positive definite (potrf says {failed}); regularise more")
    inverse: Dense
    inverse, failed = invert(factor, lower=True, overwrite_c=True)
    if failed:
        raise np.linalg.LinAlgError(f"the factor is singular (potri says {failed}); regularise more")
    n = len(inverse)
    for start in range(0, n, _BLOCK):
        end = min(start + _BLOCK, n)
        corner = np.tril(inverse[start:end, start:end], -1)
        inverse[start:end, start:end] = np.tril(inverse[start:end, start:end]) + corner.T
        inverse[start:end, end:] = inverse[end:, start:end].T
    return inverse
