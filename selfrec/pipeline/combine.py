"""The weight of one more generator beside those already there, found on the validation rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch

from selfrec.histories import Histories, Holdout
from selfrec.pipeline.measure import (
    K,
    Measured,
    ScoreAll,
    eval_batches,
    fill_best,
    mask_seen,
    measure,
    worse_far_away,
)
from selfrec.pipeline.top_items import row_chunks

RATIOS = (0.0, 0.01, 0.02, 0.05, 0.1, 0.2, 0.35, 0.6, 1.0, 1.7, 3.0, 6.0, 12.0)
"""Tried weights, as the ratio of the new generator's spread of scores to the spread of those before it."""

ENOUGH = 0.5
"""Least share of the best weight's gain that a smaller one must have to be taken (see `least` of search_weight)."""

SPREAD_ROWS = 256
"""About so many rows tell the spreads of scores."""

ALIKE = 0.01
"""Shares that differ by less are equally good: the smaller weight is taken, which leaves more to what was there."""

FLAT = 1e-6
"""Scores whose standard deviation is at most this share of the largest score differ by rounding alone."""


@dataclass(frozen=True)
class Combined:
    """The best weight found and how well the sum ranks."""

    weight: float
    measured: Measured


class Pair(NamedTuple):
    """Two scorings whose weighted sum is looked for, and the rows that it is measured on."""

    before: ScoreAll
    """The sum of the generators already there."""
    new: ScoreAll
    """One more generator."""
    holdout: Holdout


@torch.no_grad()
def search_weight(
    pair: Pair, device: torch.device, *, forced: bool, far: Histories | None = None, least: bool = False
) -> Combined:
    """The weight w of `before + w * new` with the best NDCG@20; never 0 when the generator is forced in.

    far: where the rows are drawn at random, the targets for which the sum may not be worse than `before`, unless
    forced. least: take the smallest weight that has at least half (ENOUGH) of the best one's gain: random rows
    over-reward a generator that memorises which items occur together, the more so the larger its weight.

    Scores of two generators live on different scales, so ratios of their spreads over items (mean standard
    deviation of a row) are tried.
    """
    spread = _spread(pair, device)
    measured = _by_ratio(pair, device, spread, RATIOS[1:] if forced else RATIOS, far)
    ratios = tuple(measured)
    if not forced:
        ratios = tuple(ratio for ratio in ratios if not worse_far_away(measured[ratio], measured[0.0]))
    ndcg = {ratio: measured[ratio].metrics["ndcg@20"] for ratio in ratios}
    best = max(ratios, key=lambda ratio: (ndcg[ratio], -ratio))
    if least and not forced:
        best = min(ratio for ratio in ratios if ndcg[ratio] - ndcg[0.0] >= ENOUGH * (ndcg[best] - ndcg[0.0]))
    return Combined(best * spread, measured[best])


@torch.no_grad()
def steady_weight(windows: Sequence[Pair], device: torch.device, *, forced: bool) -> float:
    """The weight of a generator that does best in its worst window of time (maximin).

    How well a weight does in a window is its NDCG@20 as a share of the best weight's there; of weights that do equally
    well the smallest is taken. A mean would trade one window for another, and nobody knows which kind comes next.

    windows: a pair each; the spreads in the first window give the weights that are tried. forced: never 0.
    """
    ratios = RATIOS[1:] if forced else RATIOS
    spread = _spread(windows[0], device)
    least = np.ones(len(ratios))
    for pair in windows:
        measured = _by_ratio(pair, device, spread, ratios)
        hits = np.array([found.metrics["ndcg@20"] for found in measured.values()])
        if hits.max() > 0:
            least = np.minimum(least, hits / hits.max())
    return ratios[int(np.argmax(least >= least.max() - ALIKE))] * spread


def _by_ratio(
    pair: Pair, device: torch.device, spread: float, ratios: Sequence[float], far: Histories | None = None
) -> dict[float, Measured]:
    """How `before + ratio * spread * new` ranks, for each ratio."""
    before, new, holdout = pair
    ranked = {ratio: np.full((len(holdout), K), holdout.inputs.n_items, dtype=np.int64) for ratio in ratios}
    for rows, batch, seen in eval_batches(holdout, device):
        first, second = before(batch), new(batch)
        for part in row_chunks(first):
            unseen = mask_seen(first[part], seen[part])
            for ratio in ratios:
                fill_best(ranked[ratio], rows[part], torch.add(unseen, second[part], alpha=ratio * spread))
    return {ratio: measure(lists, holdout.targets, far) for ratio, lists in ranked.items()}


def _spread(pair: Pair, device: torch.device) -> float:
    """Mean standard deviation of `before` divided by that of `new`, on the rows with the shortest histories.

    1 for one that is flat: any weight of it gives the same order, but a large one would leave no digits to the other.
    """
    first, second, rows = 0.0, 0.0, 0
    for _, batch, _ in eval_batches(pair.holdout, device):
        first += float(_deviations(pair.before(batch)).sum())
        second += float(_deviations(pair.new(batch)).sum())
        rows += len(batch.history)
        if rows >= SPREAD_ROWS:
            break
    return (first or rows) / (second or first or rows) if rows else 1.0


def _deviations(scores: torch.Tensor) -> torch.Tensor:
    """float32[B]: each row's standard deviation over the items; 0 where they differ by rounding alone."""
    if scores.shape[1] < 2:
        return torch.zeros(len(scores))
    found = scores.std(1)
    return torch.where(found > FLAT * scores.abs().amax(1), found, 0.0)
