"""Two sources as one with a split column: what is shown and what is to be predicted, given apart."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from selfrec import columns
from selfrec.errors import SourceError
from selfrec.settings.tables import Config, SourceSettings
from selfrec.source.ids import carried_sql
from selfrec.source.open import Source, open_source
from selfrec.source.quoting import identifier
from selfrec.source.session import reading
from selfrec.source.streaming import Stream

if TYPE_CHECKING:
    import pyarrow.parquet as pq

_SPLIT = "split"
_BATCH_ROWS = 262_144


@contextmanager
def joined_sources(shown: str, hidden: str, config: Config) -> Iterator[tuple[str, Config, list[str]]]:
    """The path of a temporary Parquet file with the events of both, a configuration that splits it by column, and a
    line on each thing that had to be guessed while they were read.

    shown, hidden: sources of one form; config.source says what their columns are called. FILE.duckdb::TABLE names a
    table other than config.source.table. Raises SourceError, ColumnError.
    """
    with TemporaryDirectory(prefix="selfrec-") as folder:
        path = Path(folder) / "joined.parquet"
        with _opened(shown, config) as first, _opened(hidden, config) as second:
            if (first.user_type, first.item_type) != (second.user_type, second.item_type):
                raise SourceError(
                    f"{hidden}: its ids are {second.user_type} and {second.item_type}, those of {shown} "
                    f"{first.user_type} and {first.item_type}; cast them in a view or in the files"
                )
            given = {name for name in _OPTIONAL if first.columns[name] or second.columns[name]}
            _write(path, [(first, "train"), (second, "test")], given)
            guesses = [f"{one.name}: {guess}" for one in (first, second) for guess in one.mapping.guesses]
        source = SourceSettings(
            timestamp_column=_named(columns.TIMESTAMP, given),
            event_column=_named(columns.EVENT, given),
            weight_column=_named(columns.WEIGHT, given),
        )
        split = config.split.model_copy(update={"kind": "column", "column": _SPLIT})
        yield str(path), config.model_copy(update={"source": source, "split": split}), guesses


_OPTIONAL = {columns.TIMESTAMP: "epoch", columns.EVENT: "event", columns.WEIGHT: "weight"}
"""Columns a source may lack, and what the canonical view calls them."""


def _named(name: str, given: set[str]) -> str | None:
    return name if name in given else None


@contextmanager
def _opened(source: str, config: Config) -> Iterator[Source]:
    path, separator, table = source.rpartition("::")
    settings = config.source.model_copy(update={"table": table}) if separator else config.source
    with open_source(path or source, settings) as opened:
        yield opened


def _write(path: Path, parts: list[tuple[Source, str]], given: set[str]) -> None:
    import pyarrow.parquet as pq

    writer: pq.ParquetWriter | None = None
    try:
        for source, part in parts:
            selected = [
                f"{carried_sql('user_id', source.user_type)} AS user_id",
                f"{carried_sql('item_id', source.item_type)} AS item_id",
                *(f"{view} AS {identifier(name)}" for name, view in _OPTIONAL.items() if name in given),
                f"'{part}' AS {_SPLIT}",
            ]
            query = f"SELECT {', '.join(selected)} FROM {source.relation_sql}"
            with reading(source.name):
                for batch in Stream(source.connection.sql(query), _BATCH_ROWS):
                    writer = writer or pq.ParquetWriter(path, batch.schema)
                    writer.write_batch(batch)
    finally:
        if writer is not None:
            writer.close()
