"""The dense half of the softmax loss: one product [B, C], worked on in place, and its backward pass in two products.

Left to autograd the same formula keeps the product, its sum with the bias, the masked sum and the softmax, and makes
as many gradients of that size: most of a step's time at small d, and memory that the system has to clear anew.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from selfrec_autoencoder.linear import TINY

CHUNK_BYTES = 1 << 20
"""Of a matrix that is passed over more than once, what is worked on at a time, so that it stays in the cache."""


class Workspace:
    """Memory for the logits of one step after the other. What stands in it is gone with the next."""

    def __init__(self) -> None:
        self._memory: Tensor | None = None

    def matrix(self, rows: int, columns: int, like: Tensor) -> Tensor:
        """An uninitialised [rows, columns] of the type and on the device of `like`."""
        size, memory = rows * columns, self._memory
        if memory is None or memory.numel() < size or memory.dtype != like.dtype or memory.device != like.device:
            memory = self._memory = like.new_empty(size + size // 8)
        return memory[:size].view(rows, columns)


def contrast(query: Tensor, factors: Tensor, bias: Tensor, own: Tensor, space: Workspace) -> Tensor:
    """float32[B]: log sum_j e^(h . F_j + b_j) over the candidates j outside the history.

    query h float32[B, d], factors F float32[C, d], bias b float32[C]; own int64[S] places u C + j of the candidates j
    that are in history u. The backward pass has to come before the workspace is used again, and once.
    """
    return _Contrast.apply(query, factors, bias, own, space)  # type: ignore[no-any-return, no-untyped-call]


class _Contrast(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, query: Tensor, factors: Tensor, bias: Tensor, own: Tensor, space: Workspace) -> Tensor:
        logits = space.matrix(len(query), len(factors), query)
        torch.mm(query, factors.T, out=logits)
        logits.view(-1)[own] = -torch.inf
        most, total = query.new_empty(len(query), 1), query.new_empty(len(query), 1)
        for rows in row_chunks(logits):
            part = logits[rows].add_(bias)
            most[rows] = part.amax(1, keepdim=True).clamp_min(torch.finfo(part.dtype).min)
            total[rows] = part.sub_(most[rows]).exp_().sum(1, keepdim=True)
        ctx.save_for_backward(query, factors, total)
        ctx.exponentials = logits
        return (most + total.log())[:, 0]

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        query, factors, total = ctx.saved_tensors
        # The logits' own gradient, in their place: softmax times that of its logarithm; e^-inf of the history's is 0.
        logits = ctx.exponentials
        scale = gradients[0][:, None] / total.clamp_min(torch.finfo(total.dtype).tiny)
        for rows in row_chunks(logits):
            logits[rows].mul_(scale[rows])
        return logits @ factors, logits.T @ query, logits.sum(0), None, None


def normalised(table: Tensor) -> Tensor:
    """float32[C, d] with rows of length 1, as functional.normalize, in fewer passes."""
    return _Normalised.apply(table)  # type: ignore[no-any-return, no-untyped-call]


class _Normalised(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, table: Tensor) -> Tensor:
        lengths = table.norm(dim=1, keepdim=True).clamp_min(TINY)
        rows: Tensor = table / lengths
        ctx.save_for_backward(rows, lengths)
        return rows

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        rows, lengths = ctx.saved_tensors
        along = torch.linalg.vecdot(gradients[0], rows)[:, None]
        return torch.addcmul(gradients[0], rows, along, value=-1).div_(lengths)


def row_dots(left: Tensor, right: Tensor) -> tuple[Tensor, Tensor]:
    """float32[M] left . right and left . left of each row of float32[M, d], in fewer passes than two products."""
    return _RowDots.apply(left, right)  # type: ignore[no-any-return, no-untyped-call]


class _RowDots(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, left: Tensor, right: Tensor) -> tuple[Tensor, Tensor]:
        ctx.save_for_backward(left, right)
        crossed, square = left.new_empty(len(left)), left.new_empty(len(left))
        for rows in row_chunks(left):
            crossed[rows] = torch.linalg.vecdot(left[rows], right[rows])
            square[rows] = torch.linalg.vecdot(left[rows], left[rows])
        return crossed, square

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor]:
        left, right = ctx.saved_tensors
        of_crossed, of_square = (gradient[:, None] for gradient in gradients)
        of_left, of_right = torch.empty_like(left), torch.empty_like(right)
        for rows in row_chunks(left):
            torch.mul(right[rows], of_crossed[rows], out=of_left[rows])
            of_left[rows].addcmul_(left[rows], of_square[rows], value=2)
            torch.mul(left[rows], of_crossed[rows], out=of_right[rows])
        return of_left, of_right


def row_chunks(matrix: Tensor) -> Iterator[slice]:
    """Slices of the rows of a matrix, CHUNK_BYTES each, at least one row."""
    rows = max(1, CHUNK_BYTES // (matrix.element_size() * max(1, matrix.shape[1])))
    for start in range(0, len(matrix), rows):
        yield slice(start, start + rows)
