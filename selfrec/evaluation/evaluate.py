"""Evaluate the exported graph: all items ranked for every held-out user, against popularity on the same users."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from selfrec.errors import EmptyDataError
from selfrec.evaluation.cold import ColdLists
from selfrec.evaluation.groups import user_groups
from selfrec.evaluation.metrics import (
    CUTOFFS,
    RELEVANCE,
    Bool,
    Float64,
    coverage,
    cutoffs,
    gini,
    mean_popularity,
    recommended_counts,
    user_metrics,
)
from selfrec.evaluation.result import Difference, Evaluation, Group
from selfrec.histories import Histories, Holdout, Int64
from selfrec.scoring.kernel import Scorer
from selfrec.settings.tables import ScoringSettings
from selfrec.words import all_of

if TYPE_CHECKING:
    from selfrec.catalog import Catalog
    from selfrec.model_folder.reading import Model

Recommend = Callable[[Histories, Histories], Int64]
"""(histories to recommend from, seen items never to return; same users) -> int64[U, K] item numbers, best
first, N where fewer than K items were left."""

BLOCK = 32_768
"""Users whose lists are held at a time, so that memory does not grow with the holdout."""

_NORMAL_95 = 1.959964
"""The 97.5 % quantile of the standard normal distribution."""


def evaluate_model(
    model: Model,
    holdout: Holdout,
    catalog: Catalog | None = None,
    *,
    settings: ScoringSettings | None = None,
    on_users: Callable[[int], None] | None = None,
) -> Evaluation:
    """Measure the exported graph of a model on a holdout, in lists of at most 100 and at most K items.

    holdout: in the item numbers of the model's catalog; slots of weight 0 in its inputs are seen items that are no
    history. catalog: the model's own when None. settings: threads and batch size; its k and repeats are not used,
    since seen items are left out and lists are as long as the cut-offs need. on_users is told the number of users
    done after each block. Raises EmptyDataError when no user has a hidden item, ModelError when the graph fails.
    """
    catalog = model.catalog if catalog is None else catalog
    length = min(max(CUTOFFS), model.top_k)
    asked = (settings or ScoringSettings()).model_copy(update={"k": length, "repeats": False})
    scorer = Scorer(model, asked)
    return evaluate_lists(scorer.recommend, holdout, catalog.popularity, list_length=length, on_users=on_users)


def evaluate_lists(
    recommend: Recommend,
    holdout: Holdout,
    popularity: npt.ArrayLike,
    *,
    list_length: int,
    ks: Iterable[int] = CUTOFFS,
    on_users: Callable[[int], None] | None = None,
) -> Evaluation:
    """Measure any recommender on a holdout.

    Slots of weight 0 in holdout.inputs are seen items that are no history. popularity: [N] users per item.
    list_length: K of the lists; ks beyond it are left out. on_users is told the number of users done after
    each block. Popularity is the same recommender for users of whom nothing is known, with the same seen items.
    Raises EmptyDataError when no user has a hidden item.
    """
    asked = holdout.targets.lengths > 0
    measured = np.flatnonzero(asked)
    if not len(measured):
        raise EmptyDataError(
            f"nothing to evaluate: no item is hidden of {all_of(len(holdout), 'held-out user')}; "
            "raise split.test, or take another split"
        )
    groups = user_groups(holdout.inputs, popularity, asked)
    tally = _Tally(holdout.inputs.n_items, cutoffs(list_length, ks), tuple(groups))
    popular = ColdLists(recommend, holdout.inputs.n_items)
    for start in range(0, len(measured), BLOCK):
        rows = measured[start : start + BLOCK]
        part = holdout.take(rows)
        seen = part.seen()
        histories = part.inputs.keep(part.inputs.weights > 0)
        members = {name: of_all[rows] for name, of_all in groups.items()}
        tally.add(part.targets, members, recommend(histories, seen), popular(seen))
        if on_users is not None:
            on_users(min(start + BLOCK, len(measured)))
    targets = holdout.targets
    return Evaluation(
        users=len(measured),
        users_skipped=len(holdout) - len(measured),
        hidden_items=len(targets.items),
        hidden_outside_catalog=int((targets.items == targets.n_items).sum()),
        items=holdout.inputs.n_items,
        cutoffs=tally.ks,
        groups=tally.groups(),
        lists=tally.lists(tally.model_counts, popularity),
        popularity_lists=tally.lists(tally.popularity_counts, popularity),
    )


def paired_difference(model: Float64, baseline: Float64) -> Difference:
    """Mean of model - baseline over users with a normal 95 % interval. float64[U] each, no NaN, U >= 1."""
    difference = model - baseline
    return _difference(len(difference), float(difference.sum()), float((difference**2).sum()))


def _difference(users: int, total: float, squares: float) -> Difference:
    mean = total / users
    if users < 2:
        return Difference(mean=mean, low=None, high=None)
    variance = max(squares - users * mean**2, 0.0) / (users - 1)
    half = _NORMAL_95 * (variance / users) ** 0.5
    return Difference(mean=mean, low=mean - half, high=mean + half)


class _Tally:
    """Sums over users, by group and metric; means, differences and list metrics come from them."""

    def __init__(self, n_items: int, ks: tuple[int, ...], groups: tuple[str, ...]) -> None:
        self.ks = ks
        self.names = [f"{metric}@{k}" for metric in RELEVANCE for k in ks]
        self.model_counts = {k: np.zeros(n_items, dtype=np.int64) for k in ks}
        self.popularity_counts = {k: np.zeros(n_items, dtype=np.int64) for k in ks}
        self._users = dict.fromkeys(groups, 0)
        # Rows: model, popularity, squared difference.
        self._sums = {name: np.zeros((3, len(self.names))) for name in groups}

    def add(self, targets: Histories, groups: dict[str, Bool], model: Int64, baseline: Int64) -> None:
        """A block of U users: hidden items, bool[U] members of every group, and both int64[U, K] lists."""
        ours = self._matrix(model, targets)
        theirs = self._matrix(baseline, targets)
        figures = np.stack([ours, theirs, (ours - theirs) ** 2])
        for name, members in groups.items():
            self._users[name] += int(members.sum())
            self._sums[name] += figures[:, members].sum(axis=1)
        for k in self.ks:
            self.model_counts[k] += recommended_counts(model, targets.n_items, k)
            self.popularity_counts[k] += recommended_counts(baseline, targets.n_items, k)

    def groups(self) -> tuple[Group, ...]:
        """The groups that have users; all users first."""
        return tuple(self._group(name, users) for name, users in self._users.items() if users)

    def lists(self, counts: dict[int, Int64], popularity: npt.ArrayLike) -> dict[str, float]:
        """Coverage, Gini coefficient and mean popularity at every k."""
        figures: dict[str, float] = {}
        for k, count in counts.items():
            figures[f"coverage@{k}"] = coverage(count)
            figures[f"gini@{k}"] = gini(count)
            figures[f"mean_popularity@{k}"] = mean_popularity(count, popularity)
        return figures

    def _matrix(self, ranked: Int64, targets: Histories) -> Float64:
        values = user_metrics(ranked, targets, self.ks)
        return np.stack([values[name] for name in self.names], axis=1)

    def _group(self, name: str, users: int) -> Group:
        model, popularity, squares = self._sums[name]
        return Group(
            name=name,
            users=users,
            model=dict(zip(self.names, (model / users).tolist(), strict=True)),
            popularity=dict(zip(self.names, (popularity / users).tolist(), strict=True)),
            difference={
                metric: _difference(users, float(model[at] - popularity[at]), float(squares[at]))
                for at, metric in enumerate(self.names)
            },
        )
