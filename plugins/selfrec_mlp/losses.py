"""What rankers minimise: hidden items should stand above the other candidates of their row."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional


def ranking_loss(kind: str, scores: Tensor, labels: Tensor, real: Tensor) -> Tensor:
    """The loss named `kind` of scores float32[B, C] for labels float32[B, C] of 0 and 1.

    real bool[B, C] is false where a candidate is none. Rows without a hidden item count nothing; the mean is over
    the others.
    """
    losses = {"listwise": listwise, "pairwise": pairwise, "pointwise": pointwise}
    return losses[kind](scores, labels * real, real)


def listwise(scores: Tensor, labels: Tensor, real: Tensor) -> Tensor:
    """-mean over hidden items of log softmax(scores) (ListNet's top-one, Cao et al. 2007)."""
    log_chance = functional.log_softmax(scores.masked_fill(~real, -1e9), dim=1)
    return _mean_of_rows(-(labels * log_chance).sum(1) / labels.sum(1).clamp_min(1), labels)


def pairwise(scores: Tensor, labels: Tensor, real: Tensor) -> Tensor:
    """-mean over pairs of log s(score of a hidden item - score of another) (BPR, Rendle et al. 2009)."""
    others = (1 - labels) * real
    pairs = labels[:, :, None] * others[:, None, :]
    apart = scores[:, :, None] - scores[:, None, :]
    per_row = (functional.softplus(-apart) * pairs).sum((1, 2)) / pairs.sum((1, 2)).clamp_min(1)
    return _mean_of_rows(per_row, labels)


def pointwise(scores: Tensor, labels: Tensor, real: Tensor) -> Tensor:
    """Mean binary cross-entropy over the candidates; the scores are logits."""
    each = functional.binary_cross_entropy_with_logits(scores, labels, reduction="none") * real
    return _mean_of_rows(each.sum(1) / real.sum(1).clamp_min(1), labels)


def _mean_of_rows(losses: Tensor, labels: Tensor) -> Tensor:
    known = (labels.sum(1) > 0).to(losses.dtype)
    return torch.dot(losses, known) / known.sum().clamp_min(1)
