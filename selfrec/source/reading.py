"""Histories for scoring: every user of a source, in shards, mapped to the catalog of a model.

    with open_source(path, config.source) as source:
        reader = HistoryReader(source, config, catalog)
        for number in range(reader.shards):
            shard = reader.read(number)

Only weighting and the catalog's mapping apply here: no user is too short or too busy to be scored.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from selfrec import columns
from selfrec.catalog import Catalog
from selfrec.errors import SourceError
from selfrec.histories import Float32
from selfrec.settings.tables import Config
from selfrec.side_columns import SideTable
from selfrec.source.event_reading import CODE, EventReader
from selfrec.source.folding import Decay, Events, Folded, days_before, fold, together
from selfrec.source.ids import carried_sql, exact_sql, restored_column
from selfrec.source.item_lists import text_ids
from selfrec.source.listed_users import ListedUsers, alike
from selfrec.source.open import Source
from selfrec.source.passes import Passes
from selfrec.source.session import reading
from selfrec.source.session_tables import LISTED_USERS, MAPPED_ITEMS
from selfrec.source.side_tables import by_code, kinds_of, stage, strange_levels
from selfrec.source.user_lists import list_users
from selfrec.source.user_shard import UserShard
from selfrec.source.weighting import weighting_of

_ASKED = "selfrec_asked_users"
_NUMBERED = "selfrec_numbered_users"


class HistoryReader:
    """Reads the users of a source shard by shard. It owns the source's connection.

    `read` may be called from several threads at once: they take turns at the connection, and fold events side by side.
    """

    shards: int
    """How many shards there are; the same for the same source and settings."""
    moment: float | None
    """Epoch seconds that ages and decay count back from: the newest event of the source. None without times."""
    users_with_columns: int | None
    """Users with a row in the table of user columns; None where the model reads none."""
    strange_levels: str | None
    """A line on columns of that table whose values the model does not know; None where there are none."""

    def __init__(
        self,
        source: Source,
        config: Config,
        catalog: Catalog,
        *,
        users: str | None = None,
        user_table: SideTable | None = None,
    ) -> None:
        """user_table: the user columns that the model reads and where they stand; None: they are unknown.

        `users` names who is scored: a table or view of a DuckDB source, or a Parquet or CSV path, with the
        source's user column. Users without any event are scored too; nulls are dropped, repeats count once.
        Unset: every user of the source, cold ones included.
        """
        self._source = source
        self._config = config
        self._n_items = len(catalog)
        self._weighting = weighting_of(source, config)
        self.moment = source.span.last
        self._turn = threading.RLock()
        with reading(source.name):
            map_items(source, catalog)
            rows = list_users(source, users)
            self.shards = max(1, -(-rows // config.scoring.shard_rows))
            self._passes = Passes(source, self.shards)
        self._events = EventReader(source, self._weighting, self._passes, self.shards, listed_only=users is not None)
        self._users: ListedUsers | None = None
        self._user_table, self._user_columns = user_table, None
        self.users_with_columns, self.strange_levels = None, None
        if user_table is not None:
            self._user_columns = stage(source, "user", user_table.place, key=user_table.key, kinds=kinds_of(user_table))
            among = source.relation_sql if users is None else LISTED_USERS
            with reading(source.name):
                [(self.users_with_columns,)] = source.connection.execute(
                    f"SELECT count(*) FROM {self._user_columns.relation} SEMI JOIN {among} USING (user_id)"
                ).fetchall()
            self.strange_levels = strange_levels(self._user_columns, user_table)

    @property
    def users(self) -> int:
        """How many users there are in all shards together."""
        with self._turn, reading(self._source.name):
            return len(self._listed())

    def read(self, shard: int) -> UserShard:
        """The users of one shard, 0 <= shard < shards: the same rows in the same order on every call and run.

        About `config.scoring.shard_rows` interactions are in memory.
        """
        if not 0 <= shard < self.shards:
            raise ValueError(f"shard {shard} is not in 0..{self.shards - 1}")
        with self._turn, reading(self._source.name):
            ids, hashes = self._listed().of(shard)
            found = self._events.of_shard(shard)
            shared = alike(hashes)
            again = None
            if len(shared):  # Their events are told apart by the ids.
                with self._numbered(ids, np.isin(hashes, shared)) as users:
                    again = self._events.of_users(users)
            features = self._features_of(ids)
        events = self._events.numbered(found, hashes, shared)
        del found  # A quarter of what a shard takes.
        folded = self._fold(events if again is None else together(events, again), len(ids))
        return self._shard(ids, folded, features)

    def read_users(self, ids: pa.Array) -> UserShard:
        """Only these users (carried type or text), each once, in the same form; ids without any event come back
        empty. Raises SourceError where an id is not of the source's user type.
        """
        source = self._source
        asked = pa.table({"user_id": text_ids(ids).unique()})
        exact = exact_sql("user_id", source.user_type)
        source.connection.register("selfrec_asked_ids", asked)
        try:
            with reading(source.name):
                source.connection.execute(
                    f"CREATE OR REPLACE TEMP TABLE {_ASKED} AS "
                    f"SELECT user_id, (row_number() OVER (ORDER BY user_id) - 1)::INTEGER AS code FROM ("
                    f"SELECT DISTINCT {exact} AS user_id FROM selfrec_asked_ids WHERE user_id IS NOT NULL)"
                )
                wrong = source.connection.execute(
                    f"SELECT min(user_id) FROM selfrec_asked_ids WHERE {exact} IS NULL"
                ).fetchall()[0][0]
                known = self._passes.table(
                    f"SELECT {carried_sql('user_id', source.user_type)} AS user_id FROM {_ASKED} ORDER BY code"
                )
                events = self._events.of_users(_ASKED)
        finally:
            source.connection.unregister("selfrec_asked_ids")
        if wrong is not None:
            raise SourceError(
                f"{source.name}: user {wrong!r:.60} is no {source.user_type}, as its users are; check --user"
            )
        found = known.column("user_id").combine_chunks()
        return self._shard(found, self._fold(events, len(found)), self._user_features(len(found), _ASKED))

    def have_rows(self, ids: pa.Array) -> bool:
        """Whether the source has a row of any of these users (carried type), with an item of the catalog or without."""
        with (
            self._turn,
            reading(self._source.name),
            self._numbered(ids, np.ones(len(ids), dtype=np.bool_)) as users,
        ):
            sql = f"SELECT count(*) FROM (FROM {self._source.relation_sql} SEMI JOIN {users} USING (user_id) LIMIT 1)"
            return bool(self._passes.table(sql).column(0)[0].as_py())

    def _listed(self) -> ListedUsers:
        """All users, read when somebody first asks. Raises duckdb.Error, SourceError."""
        if self._users is None:
            self._users = ListedUsers(self._source, self._passes, self.shards)
        return self._users

    def _features_of(self, ids: pa.Array) -> Float32 | None:
        """float32[len(ids), U] user columns; None where the model reads none."""
        if self._user_columns is None:
            return None
        with self._numbered(ids, np.ones(len(ids), dtype=np.bool_)) as users:
            return self._user_features(len(ids), users)

    @contextmanager
    def _numbered(self, ids: pa.Array, chosen: npt.NDArray[np.bool_]) -> Iterator[str]:
        """SQL of a relation of chosen users: user_id as the source has it, and where they stand in `ids`."""
        codes = np.flatnonzero(chosen).astype(np.int32)
        table = pa.table({columns.USER_ID: ids.take(pa.array(codes)), CODE: codes})
        self._source.connection.register(_NUMBERED, table)
        try:
            yield f"(SELECT {restored_column(columns.USER_ID, self._source.user_type)}, {CODE} FROM {_NUMBERED})"
        finally:
            self._source.connection.unregister(_NUMBERED)

    def _user_features(self, users: int, codes: str) -> Float32 | None:
        """float32[users, U] of the users that the relation `codes` numbers."""
        if self._user_columns is None or self._user_table is None:
            return None
        staged, table = self._user_columns, self._user_table
        return self._passes.within(lambda: by_code(staged, table, users, codes))

    def _fold(self, events: Events, users: int) -> Folded:
        clock = self._weighting.clock
        half_life = self._config.cleaning.half_life_days
        decay = None
        if half_life is not None and clock is not None and self.moment is not None:
            decay = Decay(half_life, clock, self.moment)
        return fold(events, users, max(self._n_items, 1), self._config.cleaning.fold, decay)

    def _shard(self, ids: pa.Array, folded: Folded, features: Float32 | None) -> UserShard:
        clock = self._weighting.clock
        ages = np.zeros(len(folded.items), dtype=np.float32)
        if clock is not None and self.moment is not None:
            days = days_before(self.moment, clock.epochs(folded.ticks))
            ages = np.where(folded.ticks > 0, days, 0.0).astype(np.float32)
        return UserShard.by_length(ids, folded, ages, features)


def map_items(source: Source, catalog: Catalog) -> None:
    """Make the session's table of the catalog's items: item_id in the source's type, number INTEGER.

    An id that is not exactly a value of the source's type is in no row of the source either. Here the spelling counts:
    in a catalog of text 007 and 7 are two items.
    """
    connection = source.connection
    connection.register("selfrec_catalog", catalog.table.select([columns.ITEM_ID, columns.ITEM_NUMBER]))
    try:
        connection.execute(
            f"CREATE OR REPLACE TEMP TABLE {MAPPED_ITEMS} AS "
            f"SELECT TRY_CAST(item_id AS {source.item_type}) AS item_id, item_number::INTEGER AS number "
            "FROM selfrec_catalog "
            f"WHERE CAST(TRY_CAST(item_id AS {source.item_type}) AS VARCHAR) = CAST(item_id AS VARCHAR)"
        )
    finally:
        connection.unregister("selfrec_catalog")
    [(usable,)] = connection.execute(f"SELECT count(*) FROM {MAPPED_ITEMS}").fetchall()
    if len(catalog) and not usable:
        raise SourceError(
            f"{source.name}: item ids are {source.item_type}, but no id of the model is, "
            f"such as {catalog.item_ids[0].as_py()!r}; check --item-column"
        )
