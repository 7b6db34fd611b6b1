"""Metrics of ranked lists, vectorised over users. NumPy only, and quick enough to call after every epoch.

Per user, with T the user's hidden items and h_r = 1 where the item at rank r is one of them:

    recall@k          sum h / |T|                            share of the hidden items that were found
    capped_recall@k   sum h / min(k, |T|)                    Liang et al. 2018, section 4.2
    precision@k       sum h / k
    hit_rate@k        1 where sum h > 0
    mrr@k             1 / rank of the first hit, 0 without one
    map@k             sum h_r * precision@r / |T|            as trec_eval's map_cut
    ndcg@k            sum h_r / log2(r + 1), over the same sum for a list of min(k, |T|) hits
                                                             Järvelin and Kekäläinen 2002, binary gain

All sums run over ranks 1..k. A hidden item that is not in the catalog counts in |T| and cannot be found.
Users without hidden items have no value and are left out of every mean.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from selfrec.histories import Histories, Int64

Float64 = npt.NDArray[np.float64]
Bool = npt.NDArray[np.bool_]

CUTOFFS = (5, 10, 20, 50, 100)
"""The list lengths k that are reported, as far as the lists reach."""

RELEVANCE = ("ndcg", "recall", "capped_recall", "precision", "hit_rate", "mrr", "map")
"""Metrics that have a value for each user, in the order they are shown."""


def cutoffs(length: int, ks: Iterable[int] = CUTOFFS) -> tuple[int, ...]:
    """The ks that lists of this length reach, or the length itself when they reach none."""
    reached = tuple(k for k in ks if k <= length)
    return reached or (length,)


def main_cutoff(ks: Iterable[int]) -> int:
    """The k that stands for all of these: 20, or the nearest shorter one, or the shortest there is."""
    given = sorted(ks)
    return max((k for k in given if k <= 20), default=given[0])


def hits(ranked: Int64, targets: Histories) -> Bool:
    """bool[U, K]: is the item at this rank one of the user's hidden items?

    ranked: int64[U, K] item numbers, best first, each at most once a row; N marks an empty slot, never a hit.
    targets: the hidden items of the same U users; N stands for an item outside the catalog.
    """
    if ranked.ndim != 2 or len(ranked) != len(targets):
        raise ValueError(f"ranked has shape {ranked.shape}, targets have {len(targets)} users")
    empty = targets.n_items
    if ranked.size and (int(ranked.min()) < 0 or int(ranked.max()) > empty):
        raise ValueError(f"ranked holds item numbers {ranked.min()}..{ranked.max()} of a catalog of {empty}")
    # User and item as one number: one binary search for all users at once.
    width = empty + 1
    wanted = np.sort(targets.row_numbers * width + targets.items)
    if not len(wanted):
        return np.zeros(ranked.shape, dtype=np.bool_)
    asked = np.arange(len(ranked), dtype=np.int64)[:, None] * width + ranked
    place = np.minimum(np.searchsorted(wanted, asked), len(wanted) - 1)
    found: Bool = (wanted[place] == asked) & (ranked != empty)
    return found


def user_metrics(ranked: Int64, targets: Histories, ks: Iterable[int] = CUTOFFS) -> dict[str, Float64]:
    """Every metric of RELEVANCE at every k: "ndcg@20" -> float64[U], NaN for a user without hidden items.

    ranked, targets: as for `hits`. A k beyond K counts the missing slots as empty. Raises ValueError when
    the shapes disagree or an item number is outside 0..N.
    """
    found = hits(ranked, targets)
    length = found.shape[1]
    ranks = np.arange(1, length + 1)
    discounts = 1.0 / np.log2(ranks + 1)
    relevant = np.where(targets.lengths > 0, targets.lengths, np.nan).astype(np.float64)
    # Column k holds the sum over the first k ranks, column 0 is zero.
    count = _running(found)
    gain = _running(found * discounts)
    precision = _running(found * (count[:, 1:] / ranks))
    first = _first_hit(found)
    known = relevant / relevant  # 1, or NaN for a user without hidden items
    values: dict[str, Float64] = {}
    for k in ks:
        if k < 1:
            raise ValueError(f"k is {k}; a list has at least 1 item")
        end = min(k, length)
        attainable = np.minimum(relevant, k)
        values[f"ndcg@{k}"] = gain[:, end] / _ideal_gain(attainable, k)
        values[f"recall@{k}"] = count[:, end] / relevant
        values[f"capped_recall@{k}"] = count[:, end] / attainable
        values[f"precision@{k}"] = count[:, end] / k * known
        values[f"hit_rate@{k}"] = (count[:, end] > 0) * known
        values[f"mrr@{k}"] = (first <= end) / first * known
        values[f"map@{k}"] = precision[:, end] / relevant
    return values


def recommended_counts(ranked: Int64, n_items: int, k: int) -> Int64:
    """int64[N]: in how many users' first k ranks each item stands."""
    return np.bincount(ranked[:, :k].ravel(), minlength=n_items + 1)[:n_items].astype(np.int64)


def coverage(counts: Int64) -> float:
    """Share of the catalog that was recommended to anybody. counts: int64[N] from `recommended_counts`."""
    return float(np.count_nonzero(counts) / len(counts)) if len(counts) else 0.0


def gini(counts: Int64) -> float:
    """Gini coefficient of the recommended counts: 0 all items alike, near 1 when few items take every slot.

    counts: int64[N] from `recommended_counts`. sum (2 i - N - 1) c_i / (N sum c), c ascending, i from 1
    (Fleder and Hosanagar 2009 use it for sales diversity). 0 when nothing was recommended.
    """
    total = counts.sum()
    if not total:
        return 0.0
    n = len(counts)
    places = 2 * np.arange(1, n + 1, dtype=np.float64) - n - 1
    return float((places * np.sort(counts)).sum() / (n * total))


def mean_popularity(counts: Int64, popularity: npt.ArrayLike) -> float:
    """Mean popularity of the recommended items, over all filled slots of all lists.

    Average recommendation popularity (Yin et al. 2012) with slots weighted alike. counts: int64[N] from
    `recommended_counts`; popularity: [N] users per item, time-decayed as in the catalog. 0 when nothing was
    recommended.
    """
    total = counts.sum()
    return float((counts * np.asarray(popularity, dtype=np.float64)).sum() / total) if total else 0.0


def _first_hit(found: Bool) -> Float64:
    """float64[U] rank of the first hit, infinite without one."""
    first = np.full(len(found), np.inf)
    users, places = np.nonzero(found)
    # Rows come in order of rank, so the last write of the reversed order is the best rank.
    first[users[::-1]] = places[::-1] + 1
    return first


def _running(values: npt.NDArray[np.generic]) -> Float64:
    """float64[U, K + 1] cumulative sums with a leading zero column."""
    sums = np.zeros((values.shape[0], values.shape[1] + 1), dtype=np.float64)
    np.cumsum(values, axis=1, out=sums[:, 1:])
    return sums


def _ideal_gain(attainable: Float64, k: int) -> Float64:
    """float64[U] discounted gain of a list that starts with this many hits; NaN stays NaN."""
    gains = np.concatenate([[0.0], np.cumsum(1.0 / np.log2(np.arange(2, k + 2)))])
    known = ~np.isnan(attainable)
    ideal = np.full(len(attainable), np.nan)
    ideal[known] = gains[attainable[known].astype(np.int64)]
    return ideal
