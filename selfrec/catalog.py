"""The catalog: item ids and their numbers, popularity and the item columns that were given."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from selfrec import columns
from selfrec.errors import ColumnError
from selfrec.files import is_utf8
from selfrec.id_text import usual_spelling


@dataclass(frozen=True)
class Catalog:
    """N items that can be recommended. Row n of the table is item number n.

    Numbers follow popularity, most popular first, so that equal scores fall in its favour.
    """

    table: pa.Table
    """item_number int32, item_id (the source's own type), popularity float32, then the item columns given."""
    item_type: str | None = None
    """SQL type of the ids. None: whole numbers or text, whichever the table has."""

    def __len__(self) -> int:
        """N."""
        return int(self.table.num_rows)

    @property
    def item_ids(self) -> pa.Array:
        """[N] the user's own keys by item number, in the type that carries them (see selfrec.source.ids)."""
        return self.table.column(columns.ITEM_ID).combine_chunks()

    @property
    def popularity(self) -> npt.NDArray[np.float32]:
        """float32[N] time-decayed number of users who chose each item."""
        return np.asarray(self.table.column(columns.POPULARITY).to_numpy(), dtype=np.float32)

    def numbers(self, ids: Sequence[Any]) -> npt.NDArray[np.int64]:
        """int64[len(ids)] item numbers; N where an id is not in the catalog. Ids may come as text (see `find`)."""
        texts = [str(value) for value in ids]
        found = self.find(pa.array([text if is_utf8(text) else None for text in texts], pa.string()))
        return np.asarray(pc.fill_null(found, len(self)).to_numpy(), dtype=np.int64)

    def could_have(self, text: str) -> bool:
        """Whether a text is an id: one of the catalog's, or any of their type where that is not text."""
        given = pa.array([text], pa.string())
        found = self.find(given) if self._type == "VARCHAR" else usual_spelling(given, self._type)
        return bool(found.null_count == 0)

    def find(self, texts: pa.Array) -> pa.Array:
        """int32[len(texts)] item numbers of ids that are given as text, null where they are not in the catalog.

        A text stands for the id that it is exactly, in any spelling of the ids' type (see selfrec.id_text).
        """
        known = pc.cast(self.item_ids, pa.string())
        return pc.index_in(usual_spelling(texts, self._type), value_set=known, skip_nulls=True)

    def name(self, number: int) -> str:
        """What to show a person: the first text column that was given, or the id."""
        for column in self._given:
            value = self.table.column(column)[number].as_py()
            if isinstance(value, str) and value:
                return value
        return str(self.table.column(columns.ITEM_ID)[number].as_py())

    def texts(self, column: str | None = None) -> list[str]:
        """A column of the item table as text by item number, "" where unknown; the first text column unless named.

        Raises ColumnError where there is none.
        """
        if column is None:
            named = [name for name in self._given if pa.types.is_string(self.table.schema.field(name).type)]
            if not named:
                raise self._missing("a column of text")
            column = named[0]
        elif column not in self._given:
            raise self._missing(f"a column {column!r}")
        values = self.table.column(column).to_pylist()
        return ["" if value is None else str(value) for value in values]

    def vectors(self, column: str) -> npt.NDArray[np.float32]:
        """float32[N, e] a column of the item table that holds e numbers an item; 0 where unknown.

        Raises ColumnError where there is none, or where the items have vectors of different lengths.
        """
        if column not in self._given or not pa.types.is_list(self.table.schema.field(column).type):
            raise self._missing(f"a column {column!r} of vectors (FLOAT[])")
        lists = self.table.column(column).combine_chunks()
        lengths = lists.value_lengths()
        known = np.flatnonzero(np.asarray(lengths.is_valid().to_numpy(zero_copy_only=False)))
        widths = set(lengths.drop_null().to_pylist())
        if len(widths) != 1:
            raise ColumnError(f"item column {column!r} has vectors of {sorted(widths)} numbers; give all of one length")
        vectors = np.zeros((len(self), widths.pop()), dtype=np.float32)
        numbers = np.asarray(lists.flatten().to_numpy(zero_copy_only=False), dtype=np.float32)
        vectors[known] = np.nan_to_num(numbers.reshape(len(known), -1), posinf=0, neginf=0)
        return vectors

    def write(self, path: Path) -> None:
        """Write items.parquet. Vectors are for the parts, which keep what they need of them; they stay out."""
        flat = [field.name for field in self.table.schema if not pa.types.is_nested(field.type)]
        pq.write_table(self.table.select(flat), path, compression="zstd", store_schema=True)

    @property
    def _type(self) -> str:
        """SQL type of the ids."""
        if self.item_type is not None:
            return self.item_type
        return "VARCHAR" if pa.types.is_string(self.table.schema.field(columns.ITEM_ID).type) else "BIGINT"

    @property
    def _given(self) -> list[str]:
        """The item columns that were given."""
        own = (columns.ITEM_NUMBER, columns.ITEM_ID, columns.POPULARITY)
        return [name for name in self.table.column_names if name not in own]

    def _missing(self, what: str) -> ColumnError:
        given = ", ".join(self._given) or "none"
        return ColumnError(f"the item table lacks {what}; give one with `selfrec fit --items` (its columns: {given})")
