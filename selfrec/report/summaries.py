"""From histories and scores to the counts a report keeps. NumPy only; nothing here holds a single user's row."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from selfrec.histories import Float32, Histories, Int64
from selfrec.report.data import Generated, Histogram, HistoryLengths, PopularityCurve, Reconstruction

FEWEST_USERS = 5
"""No bar of the history lengths stands for fewer users, so that none can be told from it."""

_CURVE_POINTS = 200
_SCORE_BINS = 50
_SCORE_TAIL = 0.002

Float64 = npt.NDArray[np.float64]


def history_lengths(histories: Histories) -> HistoryLengths | None:
    """Users by number of items, in bins that double: 1, 2-3, 4-7, ..., from the first that has users on; None for fewer
    than 5 users."""
    lengths = histories.lengths
    if len(lengths) < FEWEST_USERS:
        return None
    edges = np.concatenate([[0], 2 ** np.arange(int(lengths.max()).bit_length() + 1)])
    if lengths.min() > 0:
        edges = edges[1:]
    counts, _ = np.histogram(lengths, edges)
    first = int(np.flatnonzero(counts)[0])
    if counts[first] >= FEWEST_USERS:
        edges, counts = edges[first:], counts[first:]
    kept_edges, kept = _merge_small(edges, counts)
    return HistoryLengths(
        histogram=Histogram(edges=tuple(map(float, kept_edges)), counts=tuple(map(float, kept))),
        median=float(np.median(lengths)),
        mean=float(lengths.mean()),
        users=len(lengths),
    )


def popularity_curve(users_per_item: npt.ArrayLike) -> PopularityCurve:
    """The long tail. users_per_item: [N] users who have each item, in any order."""
    counts = np.sort(np.asarray(users_per_item, dtype=np.float64))[::-1]
    ranks = _thinned_ranks(len(counts))
    head = counts[: max(1, round(len(counts) / 10))].sum()
    return PopularityCurve(
        ranks=tuple(map(int, ranks)),
        users=tuple(map(float, counts[ranks - 1])),
        items=len(counts),
        head_share=float(head / counts.sum()) if counts.sum() else 0.0,
    )


def reconstruction(scores: Float32, histories: Histories) -> Reconstruction | None:
    """How well scores tell a history's items from the others.

    scores: float32[U, N] of a sample of users (a few hundred); histories: the same U users.
    None when no user has both kinds of item or there are fewer than 5 users.
    """
    own = _membership(histories)
    usable = own.any(axis=1) & ~own.all(axis=1)
    if usable.sum() < FEWEST_USERS:
        return None
    scores, own = scores[usable], own[usable]
    # A few far scores would squeeze all others into one bar; they go to the end bars.
    low, high = np.quantile(scores, [_SCORE_TAIL, 1 - _SCORE_TAIL])
    high = max(high, float(np.quantile(scores[own], 1 - _SCORE_TAIL)))
    if not high > low:
        low, high = low - 0.5, high + 0.5
    edges = np.linspace(low, high, _SCORE_BINS + 1)
    clipped = np.clip(scores, low, high)
    return Reconstruction(
        own=_shares(clipped[own], edges),
        other=_shares(clipped[~own], edges),
        separation=float(np.mean([_auc(row, mask) for row, mask in zip(scores, own, strict=True)])),
        users=int(usable.sum()),
    )


def generated_lists(label: str, scores: Float32, histories: Histories) -> Generated | None:
    """A generator's preferences against the histories they came from, item by item.

    Of each user's scores float32[U, N] the best n are taken, n being the length of the user's own history, so
    that both sides hold as many items. None for fewer than 5 users with a history.
    """
    lengths = histories.lengths
    if (lengths > 0).sum() < FEWEST_USERS:
        return None
    n_items = histories.n_items
    generated = np.zeros(n_items, dtype=np.int64)
    for row, length in zip(scores, lengths, strict=True):
        generated[np.argsort(-row, kind="stable")[:length]] += 1
    real = histories.item_counts()
    edges = _count_edges(int(max(real.max(), generated.max())))
    cells, _, _ = np.histogram2d(real, generated, bins=[edges, edges])
    ranks = _thinned_ranks(n_items)
    return Generated(
        labels=(label,),
        ranks=tuple(map(int, ranks)),
        real=tuple(map(float, np.sort(real)[::-1][ranks - 1])),
        generated=tuple(map(float, np.sort(generated)[::-1][ranks - 1])),
        edges=tuple(map(float, edges)),
        items=tuple(tuple(map(int, row)) for row in cells),
        correlation=_spearman(real, generated),
        only_real=int(((real > 0) & (generated == 0)).sum()),
        users=int((lengths > 0).sum()),
    )


def _merge_small(edges: Int64, counts: Int64) -> tuple[list[int], list[int]]:
    """Join neighbouring bins, from the long end, until each holds at least FEWEST_USERS users."""
    kept_edges, kept = [int(edges[-1])], []
    open_count = 0
    for edge, count in zip(edges[-2::-1], counts[::-1], strict=True):
        open_count += int(count)
        if open_count >= FEWEST_USERS:
            kept_edges.append(int(edge))
            kept.append(open_count)
            open_count = 0
    if open_count or kept_edges[-1] != int(edges[0]):
        kept_edges[-1] = int(edges[0])
        kept[-1] += open_count
    return kept_edges[::-1], kept[::-1]


def _thinned_ranks(n: int) -> Int64:
    """Ranks 1..n, all when few, else evenly on a log scale."""
    if n <= _CURVE_POINTS:
        return np.arange(1, n + 1, dtype=np.int64)
    return np.unique(np.rint(np.geomspace(1, n, _CURVE_POINTS)).astype(np.int64))


def _membership(histories: Histories) -> npt.NDArray[np.bool_]:
    own = np.zeros((len(histories), histories.n_items), dtype=np.bool_)
    own[histories.row_numbers, histories.items] = True
    return own


def _shares(values: Float32, edges: Float64) -> Histogram:
    counts, _ = np.histogram(values, edges)
    return Histogram(edges=tuple(map(float, edges)), counts=tuple(map(float, counts / max(1, len(values)))))


def _auc(scores: Float32, own: npt.NDArray[np.bool_]) -> float:
    """Area under the ROC curve: how often an own item scores above another, ties counting half."""
    others = np.sort(scores[~own])
    below = np.searchsorted(others, scores[own], side="left")
    below_or_tied = np.searchsorted(others, scores[own], side="right")
    return float((below + below_or_tied).mean() / (2 * len(others)))


def _count_edges(most: int) -> Float64:
    """Edges of counts: 0 alone, then whole numbers that grow by about a fifth."""
    steps = np.unique(np.rint(np.geomspace(1, most + 1, 24)).astype(np.int64))
    return np.concatenate([[-0.5, 0.5], steps[1:] - 0.5]) if len(steps) > 1 else np.array([-0.5, 0.5, 1.5])


def _spearman(a: Int64, b: Int64) -> float | None:
    """Pearson's correlation of mid-ranks; None when one side is constant."""
    ranks = [_mid_ranks(values) for values in (a, b)]
    if any(float(rank.std()) == 0 for rank in ranks):
        return None
    return float(np.corrcoef(ranks[0], ranks[1])[0, 1])


def _mid_ranks(values: Int64) -> Float64:
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    mids: Float64 = (last - (counts - 1) / 2)[place]
    return mids
