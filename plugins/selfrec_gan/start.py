"""A start for the item tables: a randomised SVD of the training rows, normalised by activity and popularity."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from selfrec_gan.module import PreferenceGenerator, pooled

if TYPE_CHECKING:
    from selfrec.plugin import Fitting, Histories

USER_POWER, ITEM_POWER = 0.25, 0.5
"""X_ui = 1 / (items of u ^ 0.25 * users of i ^ 0.5), the SVD's input."""

TABLE_POWER = 0.4
"""The input table is V / p^0.4 and the output table V * p^0.4, for the users p of an item."""

SPREAD = 2.0
"""Standard deviation over the items that the first logits have."""


@torch.no_grad()
def start_from_svd(module: PreferenceGenerator, fitting: Fitting) -> None:
    """Set both item tables and the linear path so that the first scores are those of a low-rank linear model."""
    histories, width = fitting.histories, module.items.shape[1]
    counts = torch.from_numpy(histories.item_counts()).float().clamp_min(1)
    vectors = right_singular_vectors(histories, width, fitting.seed)
    device, rank = module.items.device, vectors.shape[1]
    module.history[:-1, :rank] = (vectors * counts[:, None] ** -TABLE_POWER).to(device)
    module.items[:, :rank] = (vectors * counts[:, None] ** TABLE_POWER).to(device)
    module.history[-1] = 0
    # Embeddings of about unit length keep every layer's inputs in a range that its initial weights are made for.
    module.history.div_(module.history[:-1].norm(dim=1).mean().clamp_min(1e-12))
    if module.skip is not None and module.sees_history:
        module.skip.weight.zero_()
        module.skip.weight[:, :width] = torch.eye(width, device=device)
        module.out.weight *= 0.1
    rows = np.random.default_rng(fitting.seed).permutation(len(histories))[:256]
    batch = fitting.batch(rows)
    spread = (pooled(module.history, batch) @ module.items.T).std(1).mean().clamp_min(1e-12)
    module.items.mul_(SPREAD / spread)


def right_singular_vectors(histories: Histories, rank: int, seed: int) -> Tensor:
    """float32[N, <= rank] right singular vectors of the normalised rows, strongest first (Halko et al. 2011)."""
    rank = min(rank, histories.n_items, len(histories))
    product = _Rows(histories)
    generator = torch.Generator().manual_seed(seed)
    basis = torch.randn(histories.n_items, min(rank + 16, histories.n_items), generator=generator)
    for _ in range(4):
        basis = torch.linalg.qr(product.transposed(product(basis))).Q
    image = product(basis)
    _, vectors = torch.linalg.eigh(image.T @ image)
    # The sign of a singular vector is free; fixed by its largest entry, it does not hang on the LAPACK at hand.
    strongest: Tensor = basis @ vectors.flip(1)[:, :rank]
    signs = strongest.gather(0, strongest.abs().argmax(0, keepdim=True)).sign()
    return strongest * signs


class _Rows:
    """The sparse matrix [U, N] as a function on dense ones; EmbeddingBag is a sparse product on all threads."""

    def __init__(self, histories: Histories) -> None:
        users, items = torch.from_numpy(histories.row_numbers), torch.from_numpy(histories.items).long()
        activity = torch.from_numpy(histories.lengths).float().clamp_min(1)
        popularity = torch.from_numpy(histories.item_counts()).float().clamp_min(1)
        values = activity[users] ** -USER_POWER * popularity[items] ** -ITEM_POWER
        order = torch.argsort(items, stable=True)
        ends = torch.from_numpy(histories.item_counts()).cumsum(0)
        self._forward = (items, torch.from_numpy(histories.offsets), values)
        self._backward = (users[order], torch.cat([torch.zeros(1, dtype=torch.int64), ends]), values[order])

    def __call__(self, dense: Tensor) -> Tensor:
        return self._product(dense, *self._forward)

    def transposed(self, dense: Tensor) -> Tensor:
        return self._product(dense, *self._backward)

    @staticmethod
    def _product(dense: Tensor, numbers: Tensor, offsets: Tensor, values: Tensor) -> Tensor:
        return functional.embedding_bag(
            numbers, dense, offsets, mode="sum", per_sample_weights=values, include_last_offset=True
        )
