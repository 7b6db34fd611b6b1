"""One user of a source, explained: the list, and the history items that carry each recommendation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import pyarrow as pa

from selfrec.scoring.because import because
from selfrec.scoring.kernel import Lists, Scorer
from selfrec.scoring.notes import reader_notes
from selfrec.scoring.single import Recommendation, named
from selfrec.scoring.user_columns import user_table_of
from selfrec.settings.tables import ScoringSettings, SourceSettings
from selfrec.settings.validation import validated
from selfrec.source.open import open_source
from selfrec.source.reading import HistoryReader

if TYPE_CHECKING:
    from selfrec.model_folder.reading import Model


class Carrier(NamedTuple):
    """A history item that carries a recommendation."""

    item_id: Any
    name: str
    drop: float
    """> 0, how far the recommendation's score falls without this item; at least so far where it leaves the list, and
    all of the score where this is the only item."""


class Explained(NamedTuple):
    """A recommendation and what carries it."""

    recommendation: Recommendation
    because: list[Carrier]
    """The strongest first; none where no single item makes a difference."""

    def as_dict(self) -> dict[str, Any]:
        """For --json."""
        return {**self.recommendation._asdict(), "because": [carrier._asdict() for carrier in self.because]}


class Explanation(NamedTuple):
    """A user's list."""

    history: int
    """Items of the user's history that the model reads; 0 for a cold user, whose list is the most popular items."""
    items: list[Explained]
    notes: tuple[str, ...] = ()
    """What a person should know of how the source was read, one line each."""
    known: bool = True
    """Whether the source has the user at all; a cold user may be in it with other items than the catalog's."""
    user_id: Any = None
    """The user's id, of the source's own type."""


def explain(
    model: Model,
    source_path: str,
    user: Any,
    k: int = 10,
    *,
    most: int = 3,
    repeats: bool = False,
    source: SourceSettings | None = None,
    user_features: str | None = None,
) -> Explanation:
    """The list of one user of a source, each place with at most `most` history items that carry it.

    Leave-one-out: the whole graph runs once for each history item, without it. user: an id, or its text.
    source: as the model was fitted when None. user_features: where the user columns stand that the model reads, `none`
    where they are unknown; as in the fit when None.

    Raises SettingsError for a k that the model cannot give, SourceError where the id is of another type than the
    source's, ColumnError, ModelError, ValueError for a negative `most`.
    """
    if most < 0:
        raise ValueError(f"most is {most}; give the number of causes to show, at least 0")
    source = model.config.source if source is None else source
    settings = validated(ScoringSettings, {"k": k, "repeats": repeats}, "scoring")
    shown = Scorer(model, settings, few=True)
    config = model.config.model_copy(update={"source": source, "scoring": settings})
    with open_source(source_path, source) as opened:
        reader = HistoryReader(opened, config, model.catalog, user_table=user_table_of(model, user_features))
        shard, notes = reader.read_users(pa.array([str(user)])), reader_notes(model, opened, reader)
        known = len(shard.items) > 0 or reader.have_rows(shard.user_ids)
    histories = shard.histories(model.n_items, model.config.cleaning.max_history)
    lists = shown.score(histories, shard.seen(histories))
    longest = Scorer(model, settings.model_copy(update={"k": model.top_k}), few=True)
    [causes] = because(longest, histories, Lists(lists.items, lists.scores), most)
    ids, catalog = model.catalog.item_ids, model.catalog
    items = [
        Explained(line, [Carrier(ids[one.item].as_py(), catalog.name(one.item), one.drop) for one in causes[place]])
        for place, line in enumerate(named(model, lists, 0))
    ]
    return Explanation(len(histories.items), items, notes, known, shard.user_ids[0].as_py())
