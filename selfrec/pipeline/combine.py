"""The weight of one more generator beside those already there, found on the validation rows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from selfrec.histories import Histories, Holdout, Int64
from selfrec.pipeline.measure import K, Measured, ScoreAll, eval_batches, mask_seen, measure, worse_far_away

RATIOS = (0.0, 0.03, 0.1, 0.2, 0.35, 0.6, 1.0, 1.7, 3.0, 6.0, 12.0)
"""Tried weights, as the ratio of the new generator's spread of scores to the spread of those before it."""


@dataclass(frozen=True)
class Combined:
    """The best weight found and how well the sum ranks."""

    weight: float
    measured: Measured


@torch.no_grad()
def search_weight(
    before: ScoreAll,
    new: ScoreAll,
    holdout: Holdout,
    device: torch.device,
    *,
    forced: bool,
    far: Histories | None = None,
) -> Combined:
    """The weight w of `before + w * new` with the best NDCG@20; never 0 when the generator is forced in.

    far: the targets for which the sum may not be worse than `before`, unless forced.

    Scores of two generators live on different scales, so ratios of their spreads over items (mean standard
    deviation of a row of the first batch) are tried.
    """
    ratios: tuple[float, ...] = RATIOS[1:] if forced else RATIOS
    spread: float | None = None
    ranked = {ratio: np.full((len(holdout), K), holdout.inputs.n_items, dtype=np.int64) for ratio in ratios}
    for rows, batch, seen in eval_batches(holdout, device):
        first, second = before(batch), new(batch)
        if spread is None:
            spread = float(first.std(1).mean() / second.std(1).mean().clamp_min(1e-12))
        for ratio in ratios:
            _fill(ranked[ratio], rows, mask_seen(first + ratio * spread * second, seen))
    measured = {ratio: measure(lists, holdout.targets, far) for ratio, lists in ranked.items()}
    if not forced:
        ratios = tuple(ratio for ratio in ratios if not worse_far_away(measured[ratio], measured[0.0]))
    best = max(ratios, key=lambda ratio: (measured[ratio].metrics["ndcg@20"], -ratio))
    return Combined(best * (spread or 1.0), measured[best])


def _fill(ranked: Int64, rows: Int64, scores: torch.Tensor) -> None:
    width = min(K, scores.shape[1])
    values, items = scores.topk(width, dim=1)
    ranked[rows, :width] = items.masked_fill(values == float("-inf"), scores.shape[1]).cpu().numpy()
