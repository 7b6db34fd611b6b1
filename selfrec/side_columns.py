"""Columns of users and items as numbers: standardised, or one column a level; 0 is "unknown" everywhere."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

import numpy as np
from pydantic import Field

from selfrec.histories import Float32
from selfrec.settings.base import Settings

if TYPE_CHECKING:
    import pyarrow as pa

MOST = 10.0
"""Standardised numbers end here, so that one wild value at scoring moves no list out of reason."""


class SideColumn(Settings):
    """How one column becomes numbers."""

    name: str = Field(description="The column's name in its table.")
    kind: Literal["numeric", "categorical"] = Field(description="One standardised number, or one number a level.")
    mean: float = Field(0.0, description="Of the rows that were trained on.")
    scale: float = Field(1.0, gt=0, description="Their standard deviation.")
    levels: tuple[str, ...] = Field((), description="Levels of enough users; all others are unknown.")

    @property
    def labels(self) -> tuple[str, ...]:
        """What each number is called: `age`, or `gender=F` a level."""
        if self.kind == "numeric":
            return (self.name,)
        return tuple(f"{self.name}={level}" for level in self.levels)

    def encode(self, values: pa.Array) -> Float32:
        """float32[rows, width] of double or string values; null and unknown levels give 0."""
        import pyarrow.compute as pc

        if self.kind == "numeric":
            known = np.asarray(pc.is_valid(values).to_numpy(zero_copy_only=False), dtype=np.bool_)
            numbers = np.asarray(pc.fill_null(values, self.mean).to_numpy(zero_copy_only=False), dtype=np.float64)
            standard = np.clip((numbers - self.mean) / self.scale, -MOST, MOST)
            encoded: Float32 = np.where(known, standard, 0.0).astype(np.float32)[:, None]
            return encoded
        found = pc.index_in(values, value_set=_strings(self.levels))
        level = np.asarray(pc.fill_null(found, -1).to_numpy(zero_copy_only=False), dtype=np.int64)
        one_hot: Float32 = (level[:, None] == np.arange(len(self.levels))).astype(np.float32)
        return one_hot


class SideTable(Settings):
    """A table of user or item columns: where it stood, its key, and how its columns become numbers."""

    place: str = Field(description="As it was given: a table of the source, FILE.duckdb::TABLE or a file.")
    key: str = Field(description="Its column of user or item ids.")
    columns: tuple[SideColumn, ...] = ()

    @property
    def labels(self) -> tuple[str, ...]:
        """The names of all its numbers, in order."""
        return tuple(label for column in self.columns for label in column.labels)

    def encode(self, table: pa.Table) -> Float32:
        """float32[rows, U] of a table with these columns (double or string)."""
        parts = [column.encode(table.column(column.name).combine_chunks()) for column in self.columns]
        return np.concatenate([np.zeros((table.num_rows, 0), dtype=np.float32), *parts], axis=1)


def numeric_column(name: str, values: Sequence[float] | np.ndarray[tuple[int], np.dtype[np.float64]]) -> SideColumn:
    """A numeric column standardised by these known values of the rows that are trained on."""
    numbers = np.asarray(values, dtype=np.float64)
    if not len(numbers):
        return SideColumn(name=name, kind="numeric")
    spread = float(numbers.std())
    return SideColumn(name=name, kind="numeric", mean=float(numbers.mean()), scale=spread if spread > 1e-12 else 1.0)


def _strings(values: Sequence[str]) -> pa.Array:
    import pyarrow as pa

    return pa.array(values, pa.string())
