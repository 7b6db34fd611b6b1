"""Ranking a holdout with a scoring function: the validation metric of every stage."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from selfrec.evaluation.metrics import coverage, recommended_counts, user_metrics
from selfrec.histories import Float32, Histories, Holdout, Int64
from selfrec.pipeline.batch import UserBatch
from selfrec.pipeline.top_items import largest, row_chunks

METRICS = ("ndcg@20", "recall@20", "coverage@20")

K = 20
"""List length of the validation metrics."""

SCORE_BYTES = 16 << 20
"""About the size of a batch's score matrix while measuring: larger ones are allocated anew by the system each time."""

ScoreAll = Callable[[UserBatch], Tensor]


@dataclass(frozen=True)
class Measured:
    """How well some lists hit the hidden items."""

    metrics: dict[str, float]
    """ndcg@20, recall@20, coverage@20."""
    per_user: Float32
    """float32[U] NDCG@20 of every user."""
    far: Float32 | None = None
    """float32[U'] the same for the hidden items that lie far from what is shown (see selfrec.pipeline.nearness)."""


def eval_batches(holdout: Holdout, device: torch.device) -> Iterator[tuple[Int64, UserBatch, Tensor]]:
    """All rows in batches of like length, bounded by the bytes of their score matrix: row numbers int64[B], the
    histories, and the items never to return int64[B, X].
    """
    histories, seen = holdout.inputs, holdout.seen()
    size = max(1, min(2048, SCORE_BYTES // (4 * (histories.n_items + 1))))
    order = np.argsort(histories.lengths, kind="stable")
    for start in range(0, len(order), size):
        rows = order[start : start + size]
        batch = UserBatch.of(histories, rows, device=device)
        if seen is histories:
            yield rows, batch, batch.history
        else:
            yield rows, batch, torch.from_numpy(seen.take(rows).padded().history).to(device)


def mask_seen(scores: Tensor, seen: Tensor) -> Tensor:
    """scores float32[B, N] with the seen items (int64[B, X], N is padding) at -inf."""
    padded = torch.cat([scores, scores.new_zeros(len(scores), 1)], dim=1)
    return padded.scatter_(1, seen, float("-inf"))[:, :-1]


@torch.no_grad()
def rank_all(score: ScoreAll, holdout: Holdout, device: torch.device, k: int = K) -> Int64:
    """int64[U, k] the best unseen items of every row, best first; N where fewer are left."""
    n_items = holdout.inputs.n_items
    ranked = np.full((len(holdout), k), n_items, dtype=np.int64)
    for rows, batch, seen in eval_batches(holdout, device):
        scores = score(batch)
        for part in row_chunks(scores):
            fill_best(ranked, rows[part], mask_seen(scores[part], seen[part]))
    return ranked


def fill_best(ranked: Int64, rows: Int64, scores: Tensor) -> None:
    """Put the best items of scores float32[B, N] into int64[U, k] at these rows; a place without an item stays."""
    width = min(ranked.shape[1], scores.shape[1])
    values, items = largest(scores, width)
    items = items.masked_fill(values == float("-inf"), scores.shape[1])
    ranked[rows, :width] = items.cpu().numpy()


def measure(ranked: Int64, targets: Histories, far: Histories | None = None) -> Measured:
    """NDCG, recall and coverage of lists int64[U, 20], as selfrec.evaluation.metrics defines them.

    far: those of the targets that no part may make worse.
    """
    by_user = user_metrics(ranked, targets, (K,))
    counted = targets.lengths > 0
    means = {name: float(by_user[name][counted].mean()) if counted.any() else 0.0 for name in METRICS[:2]}
    shown = coverage(recommended_counts(ranked, targets.n_items, K))
    of_far = None if far is None else user_metrics(ranked, far, (K,))[METRICS[0]][far.lengths > 0].astype(np.float32)
    return Measured({**means, METRICS[2]: shown}, by_user[METRICS[0]][counted].astype(np.float32), of_far)


def better(new: Measured, old: Measured) -> bool:
    """Whether `new` beats `old` by more than one standard error of the paired difference of NDCG@20, and is not worse
    for far items by more than one either.
    """
    return _above(new.per_user, old.per_user) and not worse_far_away(new, old)


def worse_far_away(new: Measured, old: Measured) -> bool:
    """Whether `new` is worse than `old` for far items by more than one standard error."""
    return new.far is not None and old.far is not None and _above(old.far, new.far)


def _above(new: Float32, old: Float32) -> bool:
    difference = new.astype(np.float64) - old
    error = difference.std() / np.sqrt(max(1, len(difference)))
    return len(difference) > 0 and bool(difference.mean() > error)
