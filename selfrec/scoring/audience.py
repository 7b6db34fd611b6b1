"""Item to users: who of a source's users would get an item first. Users stream by; only the best are kept."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from selfrec import columns
from selfrec.cores import available_cores
from selfrec.errors import EmptyDataError, SettingsError
from selfrec.scoring.kernel import NEVER
from selfrec.scoring.notes import reader_notes
from selfrec.scoring.one_item import OneItem
from selfrec.scoring.similar import item_number
from selfrec.scoring.user_columns import user_table_of
from selfrec.settings.tables import ScoringSettings, SourceSettings
from selfrec.source.open import open_source
from selfrec.source.reading import HistoryReader
from selfrec.source.user_shard import UserShard

if TYPE_CHECKING:
    from selfrec.model_folder.reading import Model
    from selfrec.scoring.summary import Progress


class Member(NamedTuple):
    """A user of an audience."""

    rank: int
    """Counted from 1."""
    user_id: Any
    score: float


class Audience(NamedTuple):
    """The users an item suits best, and the others."""

    users: list[Member]
    """The best first; equal scores by id."""
    asked: int
    """Users there are."""
    cold: int
    """Users without a history in the catalog: left out, for their score is popularity's."""
    seen: int
    """Users who have the item already: left out, unless repeats are allowed."""
    notes: tuple[str, ...] = ()
    """What a person should know of how the source was read, one line each."""


def audience(
    model: Model,
    source_path: str,
    item_id: Any,
    k: int = 1000,
    *,
    settings: ScoringSettings | None = None,
    source: SourceSettings | None = None,
    users: str | None = None,
    user_features: str | None = None,
    progress: Progress | None = None,
) -> Audience:
    """The k users of a source with the highest score for an item.

    The score is the one that the item has in a user's list (see OneItem). Scores of different users are compared as the
    model gives them. Memory holds one shard and the k best.

    settings: as of `score`; their k is not read. source: as the model was fitted when None. users: whom to ask, a
    table of the source or a file. user_features: as of `explain`.
    Raises SettingsError where the catalog does not have the item or k is below 1, EmptyDataError where there are no
    users, SourceError, ColumnError, ModelError.
    """
    if k < 1:
        raise SettingsError(f"k is {k}; give the number of users to find, at least 1")
    number = item_number(model, item_id)
    source = model.config.source if source is None else source
    settings = (model.config.scoring if settings is None else settings).model_copy(update={"k": 1})
    item = OneItem(model, number, settings)
    config = model.config.model_copy(update={"source": source, "scoring": settings})
    with open_source(
        source_path, source, memory_megabytes=settings.memory_megabytes, threads=settings.threads or available_cores()
    ) as opened:
        reader = HistoryReader(
            opened, config, model.catalog, users=users, user_table=user_table_of(model, user_features)
        )
        if not reader.users:
            raise EmptyDataError(f"{users or opened.name}: no users to choose among; name a table with user ids")
        notes = reader_notes(model, opened, reader)
        best, cold, seen = _gather(model, item, reader, k, progress)
        ids, scores = best.column(columns.USER_ID).to_pylist(), best.column(columns.SCORE).to_pylist()
        listed = [Member(rank, *pair) for rank, pair in enumerate(zip(ids, scores, strict=True), start=1)]
        return Audience(listed, reader.users, cold, seen, notes)


def _gather(
    model: Model, item: OneItem, reader: HistoryReader, k: int, progress: Progress | None
) -> tuple[pa.Table, int, int]:
    """user_id and score of the k best of all users, and how many users are cold and have the item already."""
    best: pa.Table | None = None
    done = cold = seen = 0
    for number in range(reader.shards):
        shard = reader.read(number)
        scored, cold_here = _scored(model, item, shard)
        cold += cold_here
        seen += len(shard) - cold_here - scored.num_rows
        best = _best(scored if best is None else pa.concat_tables([best, scored]), k)
        done += len(shard)
        if progress is not None:
            progress(done, reader.users)
    assert best is not None
    return best, cold, seen


def _scored(model: Model, item: OneItem, shard: UserShard) -> tuple[pa.Table, int]:
    """user_id and score of the users who can get the item, and how many of the others are cold."""
    histories = shard.histories(model.n_items, model.config.cleaning.max_history)
    scores = item.scores(histories, shard.seen(histories))
    warm = histories.lengths > 0
    gets = warm & (scores > NEVER)
    table = pa.table({columns.USER_ID: shard.user_ids, columns.SCORE: scores})
    return table.filter(pa.array(gets)), int((~warm).sum())


def _best(table: pa.Table, k: int) -> pa.Table:
    order = pc.sort_indices(table, sort_keys=[(columns.SCORE, "descending"), (columns.USER_ID, "ascending")])
    return table.take(order[:k])
