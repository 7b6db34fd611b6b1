"""The catalog: item ids and their numbers, popularity and the item columns that were given."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from selfrec import columns


@dataclass(frozen=True)
class Catalog:
    """N items that can be recommended. Row n of the table is item number n.

    Numbers follow popularity, most popular first, so that equal scores fall in its favour.
    """

    table: pa.Table
    """item_number int32, item_id (the source's own type), popularity float32, then the item columns given."""

    def __len__(self) -> int:
        """N."""
        return int(self.table.num_rows)

    @property
    def item_ids(self) -> pa.Array:
        """The user's own keys, by item number."""
        return self.table.column(columns.ITEM_ID).combine_chunks()

    @property
    def popularity(self) -> npt.NDArray[np.float32]:
        """float32[N] time-decayed number of users who chose each item."""
        return np.asarray(self.table.column(columns.POPULARITY).to_numpy(), dtype=np.float32)

    def numbers(self, ids: Sequence[Any]) -> npt.NDArray[np.int64]:
        """int64[len(ids)] item numbers; N where an id is not in the catalog. Ids may come as text."""
        known = {str(value): number for number, value in enumerate(self.item_ids.to_pylist())}
        return np.array([known.get(str(value), len(self)) for value in ids], dtype=np.int64)

    def name(self, number: int) -> str:
        """What to show a person: the first text column that was given, or the id."""
        for column in self.table.column_names:
            if column not in (columns.ITEM_NUMBER, columns.ITEM_ID, columns.POPULARITY):
                value = self.table.column(column)[number].as_py()
                if isinstance(value, str) and value:
                    return value
        return str(self.table.column(columns.ITEM_ID)[number].as_py())

    def write(self, path: Path) -> None:
        """Write items.parquet."""
        pq.write_table(self.table, path, compression="zstd", store_schema=True)
