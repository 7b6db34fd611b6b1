"""Item vectors in closed form: a randomised singular value decomposition of the normalised rows. A start for parts."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from selfrec.histories import Histories

POWER_STEPS = 4
OVERSAMPLING = 16

LEAST_DIAGONAL = 1e-2
"""Of a Cholesky factor, over its largest: from there on the products' rounding stays below 1e-3."""


def item_directions(
    histories: Histories, width: int, *, seed: int, user_power: float = 0.25, item_power: float = 0.5
) -> Tensor:
    """float32[N, width] right singular vectors of X_ui = 1 / (items of u ^ user_power * users of i ^ item_power).

    Strongest first; columns past the rank of X are 0. X is 0 where u lacks i and is never dense. Halko, Martinsson and
    Tropp 2011, algorithm 4.4.
    """
    product = NormalisedRows(histories, user_power, item_power)
    rank = min(width + OVERSAMPLING, histories.n_items, len(histories))
    directions = torch.zeros(histories.n_items, width)
    if rank == 0 or len(histories.items) == 0:
        return directions
    generator = torch.Generator().manual_seed(seed)
    basis = torch.randn(histories.n_items, rank, generator=generator)
    for _ in range(POWER_STEPS):
        basis = orthonormal(product.transposed(product(basis)))
    image = product(basis)
    values, vectors = torch.linalg.eigh(image.T @ image)
    values, vectors = values.flip(0), vectors.flip(1)
    kept = min(width, int((values > 1e-6 * values[0]).sum()))
    strongest: Tensor = basis @ vectors[:, :kept]
    # The sign of a singular vector is free; fixed by its largest entry, it does not depend on the LAPACK in use.
    directions[:, :kept] = strongest * strongest.gather(0, strongest.abs().argmax(0, keepdim=True)).sign()
    return directions


def orthonormal(basis: Tensor) -> Tensor:
    """float32[N, k] with columns of length 1 at right angles that span those of `basis`, float32[N, k].

    With R from the Cholesky factors of basis^T basis = R^T R it is basis R^-1: two products, a quarter of the time of
    Householder's method. The columns lose orthogonality with the square of R's condition number, so Householder's
    method is used where that is not small.
    """
    factor, failed = torch.linalg.cholesky_ex(basis.T @ basis, upper=True)
    diagonal = factor.diagonal()
    if bool(failed) or not bool(diagonal.min() > LEAST_DIAGONAL * diagonal.max()):
        columns: Tensor = torch.linalg.qr(basis).Q
    else:
        columns = basis @ torch.linalg.solve_triangular(factor, torch.eye(len(factor)), upper=True)
    return columns


class NormalisedRows:
    """X_ui = 1 / (items of u ^ user_power * users of i ^ item_power) [U, N] as a function on dense matrices.

    EmbeddingBag is a sparse product on all threads.
    """

    def __init__(self, histories: Histories, user_power: float, item_power: float) -> None:
        users, items = torch.from_numpy(histories.row_numbers), torch.from_numpy(histories.items).long()
        activity = torch.from_numpy(histories.lengths).float().clamp_min(1)
        counts = torch.from_numpy(histories.item_counts())
        values = activity[users] ** -user_power * counts[items].float() ** -item_power
        order = torch.argsort(items, stable=True)
        starts = torch.cat([torch.zeros(1, dtype=torch.int64), counts.cumsum(0)])
        self._forward = (items, torch.from_numpy(histories.offsets), values)
        self._backward = (users[order], starts, values[order])

    def __call__(self, dense: Tensor) -> Tensor:
        """float32[N, k] -> float32[U, k]."""
        return _product(dense, *self._forward)

    def transposed(self, dense: Tensor) -> Tensor:
        """float32[U, k] -> float32[N, k]."""
        return _product(dense, *self._backward)


def _product(dense: Tensor, numbers: Tensor, offsets: Tensor, values: Tensor) -> Tensor:
    return functional.embedding_bag(
        numbers, dense, offsets, mode="sum", per_sample_weights=values, include_last_offset=True
    )
