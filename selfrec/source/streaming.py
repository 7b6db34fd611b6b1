"""The rows of a query a batch at a time, for what does not fit memory at once."""

from __future__ import annotations

from collections.abc import Iterator

import duckdb
import pyarrow as pa


class Stream:
    """Batches of at most so many rows. What DuckDB cannot read is a duckdb.Error here too, wherever it comes up."""

    def __init__(self, relation: duckdb.DuckDBPyRelation, rows: int) -> None:
        """Raises duckdb.Error."""
        self._reader = relation.to_arrow_reader(rows)
        self.schema: pa.Schema = self._reader.schema

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        while True:
            try:
                batch = self._reader.read_next_batch()
            except StopIteration:
                return
            except (OSError, pa.ArrowException) as error:
                # A stream hands on the words of DuckDB's error and not its class, so that only the words tell a lack of
                # memory. Left as an OSError, an error about a bad row would be taken for a full disk.
                kind = duckdb.OutOfMemoryException if "Out of Memory" in str(error) else duckdb.Error
                raise kind(str(error)) from error
            yield batch
