"""Which column of the source is the user, the item, the time, the event and the weight, and how each is read."""

from __future__ import annotations

import difflib
from collections import abc
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from selfrec import columns
from selfrec.errors import ColumnError
from selfrec.settings.tables import SourceSettings
from selfrec.source.column_names import find_column
from selfrec.source.ids import id_type, is_one
from selfrec.source.quoting import identifier

_INTEGERS = (
    "TINYINT",
    "SMALLINT",
    "INTEGER",
    "BIGINT",
    "HUGEINT",
    "UTINYINT",
    "USMALLINT",
    "UINTEGER",
    "UBIGINT",
    "UHUGEINT",
)
_LATEST = 9e12
"""Epoch seconds beyond which (year 287,000) a number is no time; infinite times are sent there as well."""


def is_number(sql_type: str) -> bool:
    """Whether a column of this type can be a weight or epoch seconds."""
    return sql_type in (*_INTEGERS, "FLOAT", "DOUBLE") or is_one(sql_type, "DECIMAL(")


def is_time(sql_type: str) -> bool:
    """Whether a column of this type is a moment on the calendar."""
    return sql_type == "DATE" or is_one(sql_type, "TIMESTAMP")


@dataclass(frozen=True, kw_only=True)
class Mapping:
    """The columns of a source, resolved."""

    columns: dict[str, str | None]
    """Our name -> the source's name, None where there is no such column."""
    user_type: str
    item_type: str
    time_type: str | None
    expressions: dict[str, str]
    """SQL over the source for user_id, item_id, epoch, event, weight."""
    notes: list[str] = field(default_factory=list)
    """Columns that were not used though they carry a default name or might be meant, and why."""
    guesses: list[str] = field(default_factory=list)
    """How values were read that could mean something else as well."""

    def select(self, relation: str, extra: Iterable[str] = ()) -> str:
        """A SELECT of the canonical columns, and of further expressions, from a relation."""
        listed = [f"{sql} AS {name}" for name, sql in self.expressions.items()]
        return f"SELECT {', '.join([*listed, *extra])} FROM {relation}"


CAST_IN_A_VIEW = "cast it in a view"
CAST_IN_FILES = "cast it in the files or in a DuckDB table made of them"
"""Files have no view: a session that reads them reads no database, and one that reads a database no files."""


def map_columns(
    what: str,
    types: dict[str, str],
    settings: SourceSettings,
    *,
    cast: str = CAST_IN_A_VIEW,
    shown: abc.Mapping[str, str] | None = None,
) -> Mapping:
    """Resolve the columns of a source; `what` names it in errors, `types` are its columns and SQL types.

    cast: what to do about a type that cannot be used. shown: what to call the types of some columns.
    """
    told = _Told(what, types | dict(shown or {}), cast)
    user, user_type = _id(told, types, settings.user_column, "--user-column")
    item, item_type = _id(told, types, settings.item_column, "--item-column")
    notes: list[str] = []
    # A column that is named for one purpose is not taken for another because of its name.
    named = {user, item, settings.timestamp_column, settings.event_column, settings.weight_column}
    free = {name: sql_type for name, sql_type in types.items() if name not in named}
    time = _optional(told, types, free, settings.timestamp_column, columns.TIMESTAMP, notes)
    others = {name for name in free if is_time(types[name])}
    if time is None and others:
        named_so = ", ".join(map(repr, sorted(others)))
        notes.append(f"no column is used for times; where {named_so} tells them, name it with --timestamp-column")
    event = _optional(told, types, free, settings.event_column, columns.EVENT, notes)
    weight = _optional(told, types, free, settings.weight_column, columns.WEIGHT, notes)
    return Mapping(
        columns={
            columns.USER_ID: user,
            columns.ITEM_ID: item,
            columns.TIMESTAMP: time,
            columns.EVENT: event,
            columns.WEIGHT: weight,
        },
        user_type=user_type,
        item_type=item_type,
        time_type=types[time] if time is not None else None,
        expressions={
            columns.USER_ID: _id_sql(user, types[user], user_type),
            columns.ITEM_ID: _id_sql(item, types[item], item_type),
            "epoch": "NULL::DOUBLE" if time is None else _epoch_sql(identifier(time), types[time]),
            columns.EVENT: "NULL::VARCHAR" if event is None else f"CAST({identifier(event)} AS VARCHAR)",
            columns.WEIGHT: "NULL::DOUBLE" if weight is None else f"CAST({identifier(weight)} AS DOUBLE)",
        },
        notes=notes,
    )


_WITHOUT = {
    columns.TIMESTAMP: ("times", "which of a user's items are the newest is unknown"),
    columns.EVENT: ("kinds of event", "all events count alike"),
    columns.WEIGHT: ("weights", "all events weigh the same"),
}


def missed(fitted: abc.Mapping[str, str | None], found: abc.Mapping[str, str | None]) -> list[str]:
    """A line for each of the optional columns that a model was fitted with and a source does not have.

    Both: our name -> the source's name, None where there is none.
    """
    return [
        f"the model was fitted with {what} (column {fitted[name]!r}), and the source has none: {so}; "
        f"name the column with --{name}-column"
        for name, (what, so) in _WITHOUT.items()
        if fitted.get(name) is not None and found.get(name) is None
    ]


def gained(fitted: abc.Mapping[str, str | None], found: abc.Mapping[str, str | None]) -> list[str]:
    """A line where a source has weights and the model was fitted without, for they are read. Both: as of `missed`."""
    if fitted.get(columns.WEIGHT) is not None or found.get(columns.WEIGHT) is None:
        return []
    return [
        f"the model was fitted without weights, and the source has some (column {found[columns.WEIGHT]!r}): they count "
        "in the histories; leave the column out in a view if they should not"
    ]


_HOLDS = {
    columns.TIMESTAMP: {"BIGINT": "DOUBLE", "DATE": "TIMESTAMPTZ", "TIMESTAMP": "TIMESTAMPTZ"},
    columns.WEIGHT: {"BIGINT": "DOUBLE"},
    columns.EVENT: {"BIGINT": "VARCHAR"},
}


def exact_types(guessed: dict[str, str], settings: SourceSettings) -> dict[str, str]:
    """Types in the place of those that were guessed from the first rows of a CSV file, as far as rows further down
    would be rounded to them without a word: 1.75 to a whole number, a moment to its day, or to one without its offset.
    """
    event = settings.event_column or columns.EVENT
    ids = {find_column(guessed, name) for name in (settings.user_column, settings.item_column)}
    others = {*ids, find_column(guessed, event)}
    exact = {}
    for default, name in ((columns.TIMESTAMP, settings.timestamp_column), (columns.WEIGHT, settings.weight_column)):
        column = find_column(guessed, name or default)
        if column is not None and column not in others and guessed[column] in _HOLDS[default]:
            exact[column] = _HOLDS[default][guessed[column]]
    named = {settings.timestamp_column, settings.weight_column}
    column = find_column(guessed, event)
    if column is not None and column not in ids | named and guessed[column] in _HOLDS[columns.EVENT]:
        exact[column] = _HOLDS[columns.EVENT][guessed[column]]
    return exact


def require_column(what: str, types: dict[str, str], name: str, option: str) -> str:
    """The column of this name (letter case aside), or an error listing what there is."""
    found = find_column(types, name)
    if found is not None:
        return found
    near = difflib.get_close_matches(name, list(types), n=1)
    hint = f", perhaps {near[0]!r}" if near else ""
    raise ColumnError(f"{what} has no column {name!r}; name one with {option}{hint}. Its columns: {_listed(types)}")


@dataclass(frozen=True)
class _Told:
    """How errors speak of the source."""

    what: str
    types: dict[str, str]
    cast: str


def _id(told: _Told, types: dict[str, str], name: str, option: str) -> tuple[str, str]:
    column = require_column(told.what, types, name, option)
    kept = id_type(types[column])
    if kept is None:
        raise ColumnError(
            f"{told.what}: column {column!r} is {told.types[column]}; ids are integers, text or UUID: "
            f"name another with {option}, or {told.cast}"
        )
    return column, kept


def _id_sql(name: str, found: str, kept: str) -> str:
    return identifier(name) if found == kept else f"CAST({identifier(name)} AS {kept})"


def _optional(
    told: _Told, types: dict[str, str], free: dict[str, str], name: str | None, default: str, notes: list[str]
) -> str | None:
    """The column named, which must exist and fit; or the default one where it is free and fits."""
    usable, wanted = _USABLE[default]
    if name is None:
        alike = [column for column in free if column.lower() == default]
        if len(alike) != 1:
            return None
        if not usable(types[alike[0]]):
            notes.append(f"column {alike[0]!r} is {told.types[alike[0]]}, not {wanted}: not used; {told.cast}")
            return None
        return alike[0]
    column = require_column(told.what, types, name, f"--{default}-column")
    if not usable(types[column]):
        raise ColumnError(
            f"{told.what}: column {column!r} is {told.types[column]}; the {default} column holds {wanted}: "
            f"name another with --{default}-column, or {told.cast}"
        )
    return column


def _is_label(sql_type: str) -> bool:
    return sql_type in ("VARCHAR", "BOOLEAN", *_INTEGERS) or is_one(sql_type, "ENUM(")


_USABLE: dict[str, tuple[Callable[[str], bool], str]] = {
    columns.TIMESTAMP: (lambda found: is_time(found) or is_number(found), "a timestamp, date or epoch seconds"),
    columns.EVENT: (_is_label, "text, integers or booleans"),
    columns.WEIGHT: (is_number, "numbers"),
}


def _epoch_sql(column: str, sql_type: str) -> str:
    """Seconds since 1970 in UTC; null where unknown, not a number or infinite."""
    seconds = f"epoch({column})" if is_time(sql_type) else f"CAST({column} AS DOUBLE)"
    return f"CASE WHEN {seconds} BETWEEN -{_LATEST} AND {_LATEST} THEN {seconds} END"


def _listed(types: dict[str, str], most: int = 20) -> str:
    names = list(types)
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(repr(name) for name in names[:most]) + more
