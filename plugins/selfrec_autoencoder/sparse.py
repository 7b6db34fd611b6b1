"""Flat batches and the three sparse products of training, with backward passes that are sparse products too.

They stand in for gathers of [slots, d] rows, whose backward passes (scattered additions) cost most of a step on a
CPU. Every row of a product is summed by one thread in the order of its slots, so results do not depend on timing.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from selfrec.plugin import Histories

# Products with compressed rows are what is used of them; torch has had these since 1.9 and still warns once.
warnings.filterwarnings("ignore", message="Sparse CSR tensor support is in beta state")


@dataclass(frozen=True)
class FlatBatch:
    """B histories as compressed rows of S slots over the batch's own items."""

    items: Tensor
    """int64[M] item numbers that the columns stand for, ascending."""
    columns: Tensor
    """int64[S] place of each slot's item in `items`."""
    rows: Tensor
    """int64[S] row of each slot."""
    offsets: Tensor
    """int64[B + 1]."""
    weights: Tensor
    """float32[S] preference weights."""
    lengths: Tensor
    """float32[B]."""
    by_column: Tensor
    """int64[S] slots sorted by column."""
    column_offsets: Tensor
    """int64[M + 1] where each column's slots begin in `by_column`."""

    @classmethod
    def of(cls, histories: Histories, device: torch.device, *, whole: bool = False) -> FlatBatch:
        """These histories; the columns are all N items when `whole`, else the items that occur."""
        if whole:
            items = np.arange(histories.n_items, dtype=np.int64)
            columns = histories.items.astype(np.int64)
        else:
            items, columns = np.unique(histories.items.astype(np.int64), return_inverse=True)
        counts = np.bincount(columns, minlength=len(items))
        arrays = (
            items,
            columns,
            histories.row_numbers,
            histories.offsets,
            histories.weights,
            histories.lengths.astype(np.float32),
            np.argsort(columns, kind="stable"),
            np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
        )
        return cls(*(torch.from_numpy(np.ascontiguousarray(array)).to(device) for array in arrays))

    def matrix(self, values: Tensor) -> Tensor:
        """Sparse float32[B, M] of float32[S] values."""
        return _csr(self.offsets, self.columns, values, (len(self.lengths), len(self.items)))

    def transposed(self, values: Tensor) -> Tensor:
        """Sparse float32[M, B] of float32[S] values."""
        size = (len(self.items), len(self.lengths))
        return _csr(self.column_offsets, self.rows[self.by_column], values[self.by_column], size)

    def pooled(self, values: Tensor, table: Tensor) -> Tensor:
        """float32[B, d]: row b is the sum of values_t table[columns_t] over its slots t; table float32[M, d]."""
        return _Pooled.apply(values, table, self)  # type: ignore[no-any-return, no-untyped-call]

    def dots(self, left: Tensor, table: Tensor) -> Tensor:
        """float32[S]: left[rows_t] . table[columns_t]; left float32[B, d], table float32[M, d]."""
        return _Dots.apply(left, table, self)  # type: ignore[no-any-return, no-untyped-call]


def _csr(offsets: Tensor, columns: Tensor, values: Tensor, size: tuple[int, int]) -> Tensor:
    return torch.sparse_csr_tensor(offsets, columns, values, size=size, check_invariants=False)


def _slot_dots(left: Tensor, table: Tensor, batch: FlatBatch) -> Tensor:
    places = batch.matrix(left.new_zeros(len(batch.rows)))
    dots: Tensor = torch.sparse.sampled_addmm(places, left, table.T, beta=0.0).values()
    return dots


class _Pooled(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, values: Tensor, table: Tensor, batch: FlatBatch) -> Tensor:
        ctx.save_for_backward(values, table)
        ctx.batch = batch
        pooled: Tensor = batch.matrix(values) @ table
        return pooled

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, Tensor, None]:
        gradient = gradients[0].contiguous()
        values, table = ctx.saved_tensors
        of_values = _slot_dots(gradient, table, ctx.batch) if ctx.needs_input_grad[0] else None
        return of_values, ctx.batch.transposed(values) @ gradient, None


class _Dots(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, left: Tensor, table: Tensor, batch: FlatBatch) -> Tensor:
        ctx.save_for_backward(left, table)
        ctx.batch = batch
        return _slot_dots(left, table, batch)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, None]:
        gradient = gradients[0].contiguous()
        left, table = ctx.saved_tensors
        return ctx.batch.matrix(gradient) @ table, ctx.batch.transposed(gradient) @ left, None
