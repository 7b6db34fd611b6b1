"""Catalogs written by hand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pyarrow as pa

from selfrec.catalog import Catalog


def catalog_of(
    ids: Any, popularity: Sequence[float] | None = None, *, item_type: str | None = None, **given: Any
) -> Catalog:
    """Items with these ids, in the order of their numbers, all equally popular unless said; given: item columns."""
    numbers = pa.array(range(len(ids)), pa.int32())
    popular = pa.array([1.0] * len(ids) if popularity is None else popularity, pa.float32())
    return Catalog(pa.table({"item_number": numbers, "item_id": ids, "popularity": popular, **given}), item_type)
