"""The rows of a protocol, and what lists on its test part come to: one path for every model."""

from __future__ import annotations

import hashlib
from time import perf_counter

import numpy as np

from benchmarks.offline.records import Users
from selfrec.evaluation.evaluate import Recommend
from selfrec.evaluation.groups import user_groups
from selfrec.evaluation.metrics import coverage, cutoffs, gini, mean_popularity, recommended_counts, user_metrics
from selfrec.histories import Float32, Histories, Holdout, Int64
from selfrec.source.dataset import Dataset

LIST_LENGTH = 100
"""K, at most N."""

K = 20
"""Of the metric that options are chosen by, and of coverage."""

_WARM_UP = 256


def digest_of(dataset: Dataset) -> str:
    """sha256 of all rows and numbers that a model learns from and is measured on."""
    digest = hashlib.sha256()
    parts = (dataset.train, dataset.refit, *_parts(dataset.validation), *_parts(dataset.test))
    for part in parts:
        for values in (part.offsets, part.items, part.weights, part.ages):
            digest.update(np.ascontiguousarray(values).data)
    digest.update("\n".join(map(str, dataset.catalog.item_ids.to_pylist())).encode())
    return digest.hexdigest()


def _parts(holdout: Holdout) -> tuple[Histories, ...]:
    return (holdout.inputs, holdout.targets, *(() if holdout.also_seen is None else (holdout.also_seen,)))


def asked(holdout: Holdout, most: int | None = None) -> tuple[Histories, Histories, Histories]:
    """(histories, seen items, hidden items) of the users with hidden items, at most so many, drawn by chance."""
    rows = np.flatnonzero(holdout.targets.lengths > 0)
    if most is not None and len(rows) > most:
        rows = np.sort(np.random.default_rng(0).choice(rows, size=most, replace=False))
    part = holdout.take(rows)
    return part.inputs.keep(part.inputs.weights > 0), part.seen(), part.targets


def validation_ndcg(recommend: Recommend, holdout: Holdout, most: int) -> float:
    """Mean NDCG@20. recommend: as for selfrec.evaluation, lists of 20 or more."""
    histories, seen, hidden = asked(holdout, most)
    return float(user_metrics(recommend(histories, seen), hidden, (K,))[f"ndcg@{K}"].mean())


def timed_lists(recommend: Recommend, histories: Histories, seen: Histories) -> tuple[Int64, float]:
    """int64[U, K] lists of all users, and microseconds a user, some users having been asked before."""
    few = np.arange(min(_WARM_UP, len(histories)))
    recommend(histories.take(few), seen.take(few))
    start = perf_counter()
    lists = recommend(histories, seen)
    return lists, (perf_counter() - start) / len(histories) * 1e6


def figures(
    lists: Int64, histories: Histories, hidden: Histories, popularity: Float32
) -> tuple[dict[str, Users], dict[str, float]]:
    """Means over every group of users, and figures of all lists. lists: int64[U, K], N in empty places."""
    ks = cutoffs(lists.shape[1])
    values = user_metrics(lists, hidden, sorted({*ks, K}))
    groups = {}
    for name, members in user_groups(histories, popularity).items():
        if members.any():
            means = {metric: float(of_users[members].mean()) for metric, of_users in values.items()}
            ndcg = np.round(values[f"ndcg@{K}"][members], 6).tolist()
            groups[name] = Users(users=int(members.sum()), metrics=means, ndcg=ndcg)
    counts = recommended_counts(lists, hidden.n_items, K)
    return groups, {
        f"coverage@{K}": coverage(counts),
        f"gini@{K}": gini(counts),
        f"mean_popularity@{K}": mean_popularity(counts, popularity),
    }
