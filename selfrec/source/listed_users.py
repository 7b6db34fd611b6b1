"""The users to be scored, dealt to shards by the hashes of their ids."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from selfrec.source.hashed_users import UInt64
from selfrec.source.ids import carried_sql
from selfrec.source.memory import LISTING
from selfrec.source.open import Source
from selfrec.source.passes import Passes
from selfrec.source.session_tables import LISTED_USERS
from selfrec.source.setting_aside import SHARD

HASH_SQL = "hash(user_id)"
"""DuckDB's hash of an id: UBIGINT, the same for one version of DuckDB; a run that is resumed checks the version."""


def shard_sql(shards: int) -> str:
    """SQL of the shard, INTEGER, that the user of a row belongs to."""
    return f"({HASH_SQL} % {shards})::INTEGER"


class ListedUsers:
    """Ids and hashes of LISTED_USERS, each once, read once and set aside."""

    def __init__(self, source: Source, passes: Passes, shards: int) -> None:
        """Raises duckdb.Error, SourceError."""
        carried = carried_sql("user_id", source.user_type)
        self._aside = passes.aside(
            f"SELECT {shard_sql(shards)} AS {SHARD}, {carried} AS user_id, {HASH_SQL} AS hashed FROM {LISTED_USERS}",
            LISTING,
        )

    def __len__(self) -> int:
        return int(self._aside.rows.sum())

    def of(self, shard: int) -> tuple[pa.Array, UInt64]:
        """U ids in their carried type, in order, and uint64[U] their hashes."""
        users = self._aside.take(shard)
        users = users.take(pc.sort_indices(users.column("user_id"))).combine_chunks()
        ids, hashes = (users.column(name).combine_chunks() for name in ("user_id", "hashed"))
        return ids, hashes.to_numpy()


def alike(hashes: UInt64) -> UInt64:
    """The hashes that are of several users."""
    ordered = np.sort(hashes)
    return np.unique(ordered[1:][ordered[1:] == ordered[:-1]])
