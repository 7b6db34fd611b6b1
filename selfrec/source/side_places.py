"""Where the tables beside the events stand: columns of items to show, columns of users and items to learn from."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class SidePlaces:
    """The side tables of a fit, each None where it has none.

    A place is a Parquet or CSV path, `shop.duckdb::products`, or a table of the source when that is a DuckDB file.
    """

    items: str | None = None
    """Item columns to show (titles, ...), keyed like the source's item column, or by item_id. All columns of a simple
    type are kept."""
    user_features: str | None = None
    """Columns of users that the parts may learn from."""
    item_features: str | None = None
    """Columns of items that the parts may learn from."""


NOWHERE = SidePlaces()
"""No side tables."""
