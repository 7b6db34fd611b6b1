"""Histories for scoring: every user of a source, in shards, mapped to the catalog of a model.

    with open_source(path, config.source) as source:
        reader = HistoryReader(source, config, catalog)
        for number in range(reader.shards):
            shard = reader.read(number)

Only weighting and the catalog's mapping apply here: no user is too short or too busy to be scored.
"""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa

from selfrec.catalog import Catalog
from selfrec.histories import Float32, Histories, Int32, Int64
from selfrec.settings.tables import Config
from selfrec.source.open import Source


@dataclass(frozen=True, kw_only=True)
class UserShard:
    """U users with all they have touched, in compressed rows: user u owns the slots offsets[u]:offsets[u + 1].

    Users are sorted by (slots, id). Within a user the seen-only slots (weight 0) come first, then the
    history, newest last; so the last H slots of a row are its newest H items, and all slots are its `exclude`.
    """

    user_ids: pa.Array
    """U ids in the carried type of the source's user type (see selfrec.source.ids); never null."""
    offsets: Int64
    """int64[U + 1]."""
    items: Int32
    """int32[slots] item numbers 0..N-1, each at most once a user; items outside the catalog are left out."""
    weights: Float32
    """float32[slots] preference weight; 0 where the item was only seen (an excluded event, a bad weight)."""
    ages: Float32
    """float32[slots] days from the event to the reader's moment; 0 when unknown."""

    def __len__(self) -> int:
        """U, the number of users."""
        return len(self.offsets) - 1

    def histories(self, n_items: int, max_history: int) -> Histories:
        """The histories proper: seen-only slots left out, the newest `max_history` kept, same order of users."""
        raise NotImplementedError


class HistoryReader:
    """Reads the users of a source shard by shard. One reader, one thread: it owns the source's connection."""

    shards: int
    """How many shards there are; the same for the same source and settings."""
    users: int
    """How many users there are in all shards together."""
    moment: float | None
    """Epoch seconds that ages and decay count back from: the newest event of the source. None without times."""

    def __init__(self, source: Source, config: Config, catalog: Catalog, *, users: str | None = None) -> None:
        """`users` names who is scored: a table or view of a DuckDB source, or a Parquet or CSV path, with the
        source's user column. Users without any event are scored too; nulls are dropped, repeats count once.
        Unset: every user of the source, cold ones included.
        """
        raise NotImplementedError

    def read(self, shard: int) -> UserShard:
        """The users of one shard, 0 <= shard < shards: the same rows in the same order on every call and run.

        Reading in ascending order is cheapest. About `config.scoring.shard_rows` interactions are in memory.
        """
        raise NotImplementedError

    def read_users(self, ids: pa.Array) -> UserShard:
        """Only these users (carried type or text), in the same form; ids without any event come back empty."""
        raise NotImplementedError


@dataclass(frozen=True, kw_only=True)
class ItemList:
    """Item ids from a file or table, as numbers of the catalog."""

    numbers: Int64
    """int64[rows] item numbers, ascending, each once."""
    weights: Float32
    """float32[rows] the weight column (the last one where an id repeats is the largest), 1 where there is none."""
    unknown: int
    """Ids that are not in the catalog."""


def read_items(place: str, catalog: Catalog, *, source: Source | None = None, weighted: bool = False) -> ItemList:
    """The item ids of `place`: a table or view of the source, or a Parquet, CSV or text file (one id a line).

    The column is the source's item column, else `item_id`, else the only (or first) one. `weighted` asks
    for a numeric column `weight` (else the second one) as well. Raises SourceError or ColumnError.
    """
    raise NotImplementedError
