"""B = I - P / diag(P) with P = (X^T X + lambda I)^-1 (Steck 2019, equation 8)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from selfrec.plugin import PluginError, gram_matrix
from selfrec_ease.module import Ease

if TYPE_CHECKING:
    from selfrec.plugin import Fitting

RIDGES = (100.0, 300.0, 1000.0, 30.0)
"""Tried where none is given, the likeliest first."""


def solve(module: Ease, fitting: Fitting) -> None:
    """Fill in the weights. Each ridge is an epoch, so that a refit takes the one that was best again."""
    gram = gram_matrix(fitting.histories)
    tried = _tried(fitting)
    for epoch in fitting.epochs(module, len(tried)):
        ridge, loss = tried[epoch.number - 1], 1.0
        if fitting.fixed_epochs in (None, epoch.number):
            weights, loss = item_weights(gram, ridge)
            module.weights.copy_(weights)
        epoch.report(loss=loss, ridge=ridge)


def item_weights(gram: Tensor, ridge: float) -> tuple[Tensor, float]:
    """float32[N, N] B for one lambda, and |X - X B|^2 a choice: its share of |X|^2.

    With X^T X P = I - lambda P and I - B = P / diag(P), the square is sum_j (P_jj - lambda sum_k P_kj^2) / P_jj^2.
    """
    inverse = gram.clone()
    inverse.diagonal().add_(ridge)
    factor, wrong = torch.linalg.cholesky_ex(inverse)
    if wrong:
        raise PluginError(
            f"ridge={ridge:g} is too small for these rows, which leave nothing to solve; set a larger one"
        )
    inverse = torch.cholesky_inverse(factor)
    diagonal = inverse.diagonal().clone()
    left = ((diagonal - ridge * inverse.square().sum(0)) / diagonal.square()).sum()
    loss = float(left / gram.diagonal().sum().clamp_min(1e-300))
    return inverse.div_(-diagonal).fill_diagonal_(0).float(), loss


def _tried(fitting: Fitting) -> tuple[float, ...]:
    given: float | None = fitting.options.ridge
    if given is not None:
        return (given,)
    can_choose = fitting.validation is not None or fitting.fixed_epochs is not None
    return RIDGES if can_choose else RIDGES[:1]
