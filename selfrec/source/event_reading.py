"""Events of a source as numbers: of one shard after the other, or of users who are named."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from selfrec.source.folding import Events
from selfrec.source.hashed_users import HashedUsers, UInt64
from selfrec.source.listed_users import HASH_SQL, shard_sql
from selfrec.source.memory import READING
from selfrec.source.open import Source
from selfrec.source.passes import Passes
from selfrec.source.session_tables import LISTED_USERS, MAPPED_ITEMS
from selfrec.source.setting_aside import SHARD, SetAside
from selfrec.source.weighting import Weighting

CODE = "code"
"""Column of events, and of the relations that name users: where the user stands among those that are read."""

_USER = "whose"
"""Column of events that are put aside: the hash of the user."""


class EventReader:
    """Reads events with items of the catalog (MAPPED_ITEMS)."""

    def __init__(self, source: Source, weighting: Weighting, passes: Passes, shards: int, *, listed_only: bool) -> None:
        """listed_only: events of other users than those of LISTED_USERS are left out of shards."""
        self._source, self._passes, self._shards = source, passes, shards
        self._listed_only = listed_only
        self._weighting = weighting
        self._aside: SetAside | None = None

    def of_shard(self, shard: int) -> pa.Table:
        """The events of a shard: the hashes of their users, and `_columns`.

        All events are read at once and put aside, so that no shard needs a pass over the source of its own.
        Raises duckdb.Error, SourceError.
        """
        sql = self._sql({SHARD: shard_sql(self._shards), _USER: HASH_SQL}, None)
        if self._shards == 1:
            return self._passes.table(sql)
        if self._aside is None:
            self._aside = self._passes.aside(sql, READING)
            self._passes.rest()
        return self._aside.take(shard)

    def numbered(self, found: pa.Table, hashes: UInt64, shared: UInt64) -> Events:
        """Events of a shard as events of uint64[U] users by their hashes; without those of `shared` hashes."""
        read = {name: found.column(name).to_numpy() for name in (_USER, *self._columns)}
        users = read.pop(_USER)
        codes = HashedUsers(hashes).numbers(users)
        # Users who have come since the others were listed are nobody: files may change while they are read.
        kept = codes >= 0
        if len(shared):
            kept &= ~np.isin(users, shared)
        if not kept.all():
            codes, read = codes[kept], {name: values[kept] for name, values in read.items()}
        return _events(read | {CODE: codes})

    def of_users(self, users: str) -> Events:
        """Events of the users that a relation (SQL; user_id, code) names, by a pass of their own."""
        return events_of(self._passes.table(self._sql({CODE: f"users.{CODE}"}, users)))

    @property
    def _columns(self) -> dict[str, str]:
        """What is read of an event beside its user, and its SQL: number and, where there are, ticks and strength."""
        clock, last = self._weighting.clock, self._source.span.last
        listed = {"number": "items.number"}
        if clock is not None:
            listed["ticks"] = clock.sql("epoch", small=last is not None and clock.ticks(last) < 1 << 32)
        if not self._weighting.uniform:
            listed["strength"] = self._weighting.strength
        return listed

    def _sql(self, of_user: dict[str, str], users: str | None) -> str:
        """The SELECT; where `users` names some, of their events alone, by a join."""
        joined = f"JOIN (SELECT * RENAME (user_id AS listed_id) FROM {users}) AS users ON listed_id = user_id "
        listed = f" AND user_id IN (SELECT user_id FROM {LISTED_USERS})" if self._listed_only else ""
        return (
            f"SELECT {', '.join(f'{sql} AS {name}' for name, sql in (of_user | self._columns).items())} "
            f"FROM {self._source.relation_sql} AS events JOIN {MAPPED_ITEMS} AS items USING (item_id) "
            f"{'' if users is None else joined}WHERE {self._weighting.kept()}{'' if users else listed}"
        )


def events_of(table: pa.Table) -> Events:
    """Events from Arrow columns code, number and, where there are, ticks and strength."""
    return _events({name: table.column(name).to_numpy() for name in table.column_names})


def _events(found: dict[str, Any]) -> Events:
    """Events from columns of these names."""
    ticks = found.get("ticks")
    return Events(
        rows=found[CODE],
        items=found["number"],
        ticks=None if ticks is None else ticks.astype(np.int64, copy=False),
        weights=found.get("strength"),
    )
