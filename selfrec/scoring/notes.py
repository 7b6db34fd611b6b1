"""What a person should know of a source, and of lists made from it, beside the lists: one line each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from selfrec.scoring.bias import ItemRules
from selfrec.source.mapping import gained, missed
from selfrec.source.open import Source
from selfrec.source.reading import HistoryReader
from selfrec.source.stray_times import stray_times
from selfrec.words import listed, plural

if TYPE_CHECKING:
    from selfrec.model_folder.reading import Model
    from selfrec.settings.tables import ScoringSettings
    from selfrec.side_columns import SideTable
    from selfrec.source.fingerprints import Compared


def column_notes(model: Model, opened: Source) -> list[str]:
    """The columns that the source has no more, why those of their names are not taken, those that it has by now, and
    what had to be guessed."""
    fitted = model.manifest.columns.model_dump()
    lines = missed(fitted, opened.columns)
    more = gained(fitted, opened.columns)
    return [*lines, *(opened.mapping.notes if lines else []), *more, *opened.mapping.guesses]


def strays_note(model: Model, opened: Source) -> str | None:
    """Which events all others are old beside, where the model counts back from the newest."""
    strays = "" if model.config.cleaning.half_life_days is None else stray_times(opened)
    return f"cleaning.half_life_days counts back from the newest event: {strays}" if strays else None


def user_columns_note(reader: HistoryReader, table: SideTable | None) -> str | None:
    """Whose columns are unknown, where the model reads some."""
    if table is None or reader.users_with_columns is None or reader.users_with_columns == reader.users:
        return None
    return (
        f"{reader.users_with_columns:,} of {plural(reader.users, 'user')} are in {table.place!r}; the columns of the "
        "others count as unknown"
    )


def reader_notes(model: Model, opened: Source, reader: HistoryReader) -> tuple[str, ...]:
    """What was guessed of the source, and of the user columns that the model reads."""
    strange = [reader.strange_levels] if reader.strange_levels else []
    return (*column_notes(model, opened), *strange)


def short_lists_note(
    short: int, compared: Compared, settings: ScoringSettings, rules: ItemRules, *, left: int, catalog: int
) -> str | None:
    """How many users got fewer than k items, why, and what to do about it; None where `short`, their number, is 0.

    left: items of the catalog that the rules leave. catalog: items of the catalog.
    """
    if not short:
        return None
    lists = [("allow", rules.allow, "longer"), ("deny", rules.deny, "shorter")]
    named = [f"--{name} {place}" for name, place, _ in lists if place is not None]
    leave = f"{' and '.join(named)} {'leaves' if len(named) == 1 else 'leave'}" if named else "the catalog has"
    items = f"{left:,} of {plural(catalog, 'item')}" if left < catalog else plural(catalog, "item")
    seen = "" if settings.repeats else ", and what a user has already is left out"
    ways = [
        *(f"a {other} --{name}" for name, place, other in lists if place is not None),
        "a lower -k",
        *([] if settings.repeats else ["--repeats"]),
    ]
    return (
        f"{short:,} of {plural(compared.scored, 'user')}{' scored' if compared.kept else ''} got fewer than "
        f"{plural(settings.k, 'item')}: {leave} {items}{seen}; for full lists, {listed(ways, 'or')}"
    )
