"""A fingerprint a user: one number that changes when anything changes that the model reads of this user.

    fingerprint_users(source, config, catalog, users=None)
    compared = compare(source, earlier, folder)

All of it is SQL over the source's own session, so memory is what DuckDB may use, however many users there are.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from selfrec import columns
from selfrec.catalog import Catalog
from selfrec.errors import SourceError
from selfrec.settings.tables import Config
from selfrec.source.ids import carried_sql, restored_column
from selfrec.source.open import Source
from selfrec.source.reading import map_items
from selfrec.source.session import first_sentence, reading
from selfrec.source.session_tables import LISTED_USERS, MAPPED_ITEMS
from selfrec.source.streaming import Stream
from selfrec.source.user_lists import list_users
from selfrec.source.weighting import weighting_of

FINGERPRINT = "fingerprint"

FINGERPRINTS, CHANGED, STALE = "fingerprints.parquet", "changed.parquet", "stale.parquet"
"""Files that `compare` writes: every user with its fingerprint; who is to be scored; whose rows must go, if any."""

_TABLE = "selfrec_fingerprints"
_EARLIER = "selfrec_earlier_fingerprints"
_BATCH_ROWS = 65_536


class Compared(NamedTuple):
    """The users of a source beside those of an earlier run."""

    users: int
    """Users there are now."""
    scored: int
    """New users, and users whose fingerprint is another one."""
    kept: int
    """Users whose fingerprint is the same."""
    removed: int
    """Users of the earlier run who are gone."""


def fingerprint_users(source: Source, config: Config, catalog: Catalog, users: str | None) -> None:
    """Make the session's table of fingerprints of all users to score (see list_users for `users`).

    The fingerprint is a sum of hashes, one for each event that the model reads: its item's number, its time where
    the source has times, its strength where events differ. So the order of rows does not matter, a repeated row
    does, and events of items outside the catalog do not. A user without any event it reads has 0.
    DuckDB's hash() is the same for one version of DuckDB only: compare fingerprints of one version.

    Raises SourceError, ColumnError.
    """
    weighting = weighting_of(source, config)
    # hash(0) is 0, so item 0 would add nothing to a sum.
    read = ["items.number + 1"]
    if weighting.clock is not None:
        read.append("events.epoch")
    if not weighting.uniform:
        read.append(weighting.strength)
    # Hashed twice: hash() of several values combines theirs by xor, so that sums of events with swapped times would
    # agree far more often than once in 2^64.
    hashed = (
        f"SELECT events.user_id, sum(hash(hash({', '.join(read)}))) "
        f"FILTER (items.number IS NOT NULL AND {weighting.kept()}) AS total "
        f"FROM {source.relation_sql} AS events LEFT JOIN {MAPPED_ITEMS} AS items USING (item_id) "
        "WHERE events.user_id IS NOT NULL GROUP BY events.user_id"
    )
    with reading(source.name):
        map_items(source, catalog)
        if users is not None:
            list_users(source, users)
            hashed = f"SELECT user_id, total FROM {LISTED_USERS} LEFT JOIN ({hashed}) USING (user_id)"
        source.connection.execute(
            f"CREATE OR REPLACE TEMP TABLE {_TABLE} AS "
            f"SELECT user_id, (coalesce(total, 0) % 18446744073709551616)::UBIGINT AS {FINGERPRINT} FROM ({hashed})"
        )


def compare(source: Source, earlier: Path | None, folder: Path) -> Compared:
    """Compare the session's fingerprints with those of an earlier run and write the three files into `folder`.

    earlier: a Parquet file with user_id in its carried form and fingerprint. None: there is none, so everybody is
    to be scored, and only the file of fingerprints is written. Raises SourceError where `earlier` cannot be read.
    """
    connection = source.connection
    carried = f"{carried_sql(columns.USER_ID, source.user_type)} AS {columns.USER_ID}"
    _write(connection, f"SELECT {carried}, {FINGERPRINT} FROM {_TABLE}", folder / FINGERPRINTS)
    if earlier is None:
        [(users,)] = connection.execute(f"SELECT count(*) FROM {_TABLE}").fetchall()
        return Compared(users, users, 0, 0)
    _load(source, earlier)
    joined = f"{_TABLE} AS now FULL JOIN {_EARLIER} AS earlier USING (user_id)"
    changed = f"now.{FINGERPRINT} IS DISTINCT FROM earlier.{FINGERPRINT}"
    [(users, scored, removed)] = connection.execute(
        f"SELECT count(now.{FINGERPRINT}), count(now.{FINGERPRINT}) FILTER ({changed}), "
        f"count(*) FILTER (now.{FINGERPRINT} IS NULL) FROM {joined}"
    ).fetchall()
    # Old rows of whoever is scored go, even where no earlier fingerprint is known: it may be lost, the rows not.
    for name, which in ((CHANGED, f"now.{FINGERPRINT} IS NOT NULL AND {changed}"), (STALE, changed)):
        _write(connection, f"SELECT {carried} FROM {joined} WHERE {which}", folder / name)
    return Compared(users, scored, users - scored, removed)


def _load(source: Source, earlier: Path) -> None:
    """Make a temporary table of the earlier fingerprints, streaming."""
    stream = f"{_EARLIER}_stream"
    try:
        with pq.ParquetFile(earlier) as file:
            batches = pa.RecordBatchReader.from_batches(file.schema_arrow, file.iter_batches(_BATCH_ROWS))
            source.connection.register(stream, batches)
            try:
                source.connection.execute(
                    f"CREATE OR REPLACE TEMP TABLE {_EARLIER} AS "
                    f"SELECT {restored_column(columns.USER_ID, source.user_type)}, {FINGERPRINT} FROM {stream}"
                )
            finally:
                source.connection.unregister(stream)
    except (OSError, pa.ArrowException, duckdb.Error) as error:
        raise SourceError(f"{earlier}: fingerprints cannot be read ({first_sentence(error)})") from error


def _write(connection: duckdb.DuckDBPyConnection, sql: str, path: Path) -> None:
    """The rows of a SELECT as a Parquet file; the session itself may not write files."""
    write_rows(connection.sql(sql), path)


def write_rows(rows: duckdb.DuckDBPyRelation, path: Path) -> None:
    """A Parquet file of the usual row groups. Raises duckdb.Error, OSError."""
    batches = Stream(rows, _BATCH_ROWS)
    with pq.ParquetWriter(path, batches.schema, compression="zstd", compression_level=1, store_schema=False) as writer:
        for batch in batches:
            writer.write_batch(batch, row_group_size=_BATCH_ROWS)
