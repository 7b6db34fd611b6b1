"""Recommend to one user whose history is given by hand."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from selfrec.histories import Histories
from selfrec.scoring.kernel import Lists, Scorer
from selfrec.settings.tables import ScoringSettings
from selfrec.settings.validation import validated

if TYPE_CHECKING:
    from selfrec.model_folder.reading import Model

_MOST_WEIGHT = 1e15
"""Models square weights, and float32 ends at 3e38."""


class Recommendation(NamedTuple):
    """A line of a list."""

    rank: int
    """Counted from 1."""
    item_id: Any
    """The user's own key, as the catalog has it."""
    name: str
    """The item's first text column, or its id."""
    score: float


class Recommended(NamedTuple):
    """A list, and the history ids that the catalog does not have."""

    items: list[Recommendation]
    unknown: list[Any]


def recommend(
    model: Model, history: Iterable[Any], k: int = 10, *, weights: Iterable[float] | None = None, repeats: bool = False
) -> Recommended:
    """The k best items for a history of item ids, oldest first; ids may come as text.

    weights: one a history item, 1 each when None; more than 1e15 counts as 1e15. repeats: also items of the history.
    An id that the catalog does not have is reported and counts for nothing; without any known id the list is the most
    popular items.
    Raises SettingsError for a k that the model cannot give, ValueError where the history is no list of ids (a text, a
    table) or the weights are not one number of at least 0 for each of its items.
    """
    ids = _listed(history)
    given = [1.0] * len(ids) if weights is None else list(weights)
    if len(given) != len(ids):
        raise ValueError(f"{len(given)} weights for a history of {len(ids)} items")
    if not all(math.isfinite(weight) and weight >= 0 for weight in given):
        raise ValueError("weights are finite numbers of at least 0")
    settings = validated(ScoringSettings, {"k": k, "repeats": repeats, "threads": 1}, "scoring")
    histories, unknown = _history(model, ids, given)
    lists = Scorer(model, settings, few=True).score(histories.newest(model.config.cleaning.max_history), histories)
    return Recommended(named(model, lists, 0), unknown)


def named(model: Model, lists: Lists, row: int) -> list[Recommendation]:
    """Row `row` of the lists with ids and names; empty places are left out."""
    catalog = model.catalog
    ids = catalog.item_ids
    return [
        Recommendation(rank, ids[int(number)].as_py(), catalog.name(int(number)), float(score))
        for rank, (number, score) in enumerate(zip(lists.items[row], lists.scores[row], strict=True), start=1)
        if number < len(catalog)
    ]


def _listed(history: Iterable[Any]) -> list[Any]:
    """The ids of a history. What has rows and columns would give the names of the columns, which no catalog has."""
    if isinstance(history, str | bytes):
        raise ValueError(f"the history is one text, {history!r:.60}; give a list of item ids")
    kind = type(history).__name__
    if isinstance(history, Mapping):
        raise ValueError(f"the history is a {kind}; give a list of item ids, and what they weigh as weights")
    if hasattr(history, "columns") or getattr(history, "ndim", 1) != 1:
        raise ValueError(f"the history is a {kind} of rows and columns; give its one column of item ids")
    return list(history)


def _history(model: Model, ids: list[Any], weights: list[float]) -> tuple[Histories, list[Any]]:
    """One user's history; an id that comes twice stands where it came last, with its largest weight."""
    numbers = model.catalog.numbers(ids)
    unknown = [one for one, number in zip(ids, numbers, strict=True) if number == model.n_items]
    found: dict[int, float] = {}
    for number, given in zip(numbers.tolist(), weights, strict=True):
        if number < model.n_items:
            weight = min(float(given), _MOST_WEIGHT)
            found[number] = max(weight, found.pop(number, weight))
    return Histories.from_rows([list(found)], model.n_items, [list(found.values())]), unknown
