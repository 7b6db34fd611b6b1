"""The data set a model is fitted on: catalog, training histories, held-out parts, and what became of every row."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from selfrec.catalog import Catalog
from selfrec.histories import Histories, Holdout
from selfrec.settings.tables import Config, SplitKind


@dataclass(frozen=True, kw_only=True)
class RuleCount:
    """One line of the preprocessing report."""

    rule: str
    """What the rule is called, with the option that sets it."""
    rows_before: int
    rows_dropped: int
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class Dataset:
    """All that fitting and measuring need. The same bytes for the same rows, options and seed, whatever the order
    of the rows or the number of threads."""

    catalog: Catalog
    """Items of the train and validation rows, most popular first. item_id is in the carried type of item_type."""
    train: Histories
    """What the parts are trained on while they are chosen."""
    validation: Holdout
    """What they are chosen on. Never empty."""
    refit: Histories
    """What the final training sees, as training.refit says."""
    test: Holdout
    """What the result is measured on; may be empty."""
    split: SplitKind
    """The kind of split that was used."""
    report: list[RuleCount] = field(default_factory=list)
    fingerprint: dict[str, Any] = field(default_factory=dict)
    """rows, users, items, first, last, content of the source."""
    columns: dict[str, str | None] = field(default_factory=dict)
    """The resolved column mapping."""
    user_type: str
    """SQL type name of the user ids."""
    item_type: str
    """SQL type name of the item ids."""


def load_dataset(
    path: str,
    config: Config,
    *,
    items: str | None = None,
    item_column: str | None = None,
    item_columns: tuple[str, ...] = (),
    catalog: Catalog | None = None,
    temp_directory: str | None = None,
) -> Dataset:
    """Read, clean and split a source.

    items: where item columns (titles, ...) stand: a Parquet or CSV path, `shop.duckdb::products`, or a table
    of the same DuckDB file; joined by `item_column` (default: the source's item column, else item_id);
    `item_columns` picks some of its columns (default: all of a simple type).
    catalog: number the items as this catalog does (to measure a model) instead of building one.

    Raises SourceError, ColumnError, EmptyDataError (naming the rule that left nothing), SettingsError.
    """
    raise NotImplementedError
