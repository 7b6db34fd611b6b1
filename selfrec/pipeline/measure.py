"""Ranking a holdout with a scoring function: the validation metric of every stage."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from selfrec.histories import Float32, Histories, Holdout, Int64
from selfrec.pipeline.batch import UserBatch

K = 20
"""List length of the validation metrics."""

SCORE_BYTES = 256 << 20
"""About the size of a batch's score matrix while measuring."""

ScoreAll = Callable[[UserBatch], Tensor]


@dataclass(frozen=True)
class Measured:
    """How well some lists hit the hidden items."""

    metrics: dict[str, float]
    """ndcg@20, recall@20, coverage@20."""
    per_user: Float32
    """float32[U] NDCG@20 of every user."""


def eval_batches(histories: Histories, device: torch.device) -> Iterator[tuple[Int64, UserBatch]]:
    """All rows in batches of like length, bounded by the bytes of their score matrix."""
    size = max(1, min(2048, SCORE_BYTES // (4 * (histories.n_items + 1))))
    order = np.argsort(histories.lengths, kind="stable")
    for start in range(0, len(order), size):
        rows = order[start : start + size]
        yield rows, UserBatch.of(histories, rows, device=device)


def mask_seen(scores: Tensor, history: Tensor) -> Tensor:
    """scores float32[B, N] with the items of the history (int64[B, H], N is padding) at -inf."""
    padded = torch.cat([scores, scores.new_zeros(len(scores), 1)], dim=1)
    return padded.scatter_(1, history, float("-inf"))[:, :-1]


@torch.no_grad()
def rank_all(score: ScoreAll, holdout: Holdout, device: torch.device, k: int = K) -> Int64:
    """int64[U, k] the best unseen items of every row, best first; N where fewer are left."""
    n_items = holdout.inputs.n_items
    ranked = np.full((len(holdout), k), n_items, dtype=np.int64)
    width = min(k, n_items)
    for rows, batch in eval_batches(holdout.inputs, device):
        values, items = mask_seen(score(batch), batch.history).topk(width, dim=1)
        items = items.masked_fill(values == float("-inf"), n_items)
        ranked[rows, :width] = items.cpu().numpy()
    return ranked


def hits_of(ranked: Int64, targets: Histories) -> npt.NDArray[np.bool_]:
    """bool[U, K] whether each ranked item is among the row's targets (item N never is)."""
    base = np.int64(targets.n_items + 1)
    wanted = targets.row_numbers * base + targets.items
    wanted = np.sort(wanted[targets.items < targets.n_items])
    asked = np.arange(len(ranked), dtype=np.int64)[:, None] * base + ranked
    if len(wanted) == 0:
        return np.zeros(ranked.shape, dtype=bool)
    place = np.minimum(np.searchsorted(wanted, asked), len(wanted) - 1)
    found: npt.NDArray[np.bool_] = (wanted[place] == asked) & (ranked < targets.n_items)
    return found


def measure(ranked: Int64, targets: Histories) -> Measured:
    """NDCG@20 (ideal over min(20, |test|)), Recall@20 (hits / |test|) and coverage of lists int64[U, 20]."""
    hits = hits_of(ranked, targets)
    counts = targets.lengths
    gains = 1 / np.log2(np.arange(2, ranked.shape[1] + 2))
    ideal = np.concatenate([[0], np.cumsum(gains)])[np.minimum(counts, ranked.shape[1])]
    ndcg = np.divide((hits * gains).sum(1), ideal, out=np.zeros(len(ranked)), where=ideal > 0)
    recall = np.divide(hits.sum(1), counts, out=np.zeros(len(ranked)), where=counts > 0)
    shown = np.unique(ranked[ranked < targets.n_items])
    rows = counts > 0
    return Measured(
        metrics={
            "ndcg@20": float(ndcg[rows].mean()) if rows.any() else 0.0,
            "recall@20": float(recall[rows].mean()) if rows.any() else 0.0,
            "coverage@20": len(shown) / max(1, targets.n_items),
        },
        per_user=ndcg[rows].astype(np.float32),
    )


def better(new: Measured, old: Measured) -> bool:
    """Whether `new` beats `old` by more than one standard error of the paired difference of NDCG@20."""
    difference = new.per_user.astype(np.float64) - old.per_user
    error = difference.std() / np.sqrt(max(1, len(difference)))
    return bool(difference.mean() > error)
