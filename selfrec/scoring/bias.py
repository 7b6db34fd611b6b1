"""Deny, allow and boost lists, turned into the graph's input `item_bias`."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from selfrec.catalog import Catalog
from selfrec.errors import EmptyDataError, SourceError
from selfrec.histories import Float32
from selfrec.source.item_lists import ItemList, read_items
from selfrec.source.open import Source


class ItemRules(NamedTuple):
    """Where the lists stand: tables of the source, or files. None: no such list."""

    deny: str | None = None
    """Items nobody gets."""
    allow: str | None = None
    """The only items anybody gets."""
    boost: str | None = None
    """Items with a number that is added to their scores."""


def item_bias(rules: ItemRules, catalog: Catalog, source: Source) -> tuple[Float32, dict[str, int]]:
    """float32[N] to add to every item's score, and how many ids of each list are not in the catalog.

    An item that is both denied and allowed or boosted is denied. Raises SourceError, ColumnError, and EmptyDataError
    where an allow list leaves no item: a file of wrong ids must not empty a result.
    """
    bias = np.zeros(len(catalog), dtype=np.float32)
    unknown: dict[str, int] = {}
    if rules.boost is not None:
        boosted = read_items(rules.boost, catalog, source=source, weighted=True)
        _check_finite(boosted, rules.boost)
        bias[boosted.numbers] += boosted.weights
        unknown["boost"] = boosted.unknown
    if rules.allow is not None:
        allowed = read_items(rules.allow, catalog, source=source)
        others = np.ones(len(catalog), dtype=np.bool_)
        others[allowed.numbers] = False
        bias[others] = -np.inf
        unknown["allow"] = allowed.unknown
    if rules.deny is not None:
        denied = read_items(rules.deny, catalog, source=source)
        bias[denied.numbers] = -np.inf
        unknown["deny"] = denied.unknown
    if rules.allow is not None and not (bias > -np.inf).any():
        denied_too = "" if rules.deny is None else f" and not in --deny {rules.deny}"
        raise EmptyDataError(
            f"--allow {rules.allow}: none of its items is in the model's catalog{denied_too}; check the ids; "
            "the result stays as it was"
        )
    return bias, unknown


def _check_finite(boosted: ItemList, place: str) -> None:
    wrong = ~np.isfinite(boosted.weights)
    if wrong.any():
        raise SourceError(
            f"{place}: {int(wrong.sum())} boost values are no finite numbers; a boost is added to a score "
            "(use --deny to remove items)"
        )
