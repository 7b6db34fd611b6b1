"""What somebody added to a result table (comments, keys, indexes), for the table that takes its place."""

from __future__ import annotations

from dataclasses import dataclass

import duckdb

from selfrec.source.quoting import identifier, literal
from selfrec.source.session import first_sentence

_OF_TABLE = "database_name = 'target' AND schema_name = 'main' AND lower(table_name) = lower(?)"
_IN_ORDER = ("NOT NULL", "PRIMARY KEY", "UNIQUE")
"""Constraints that can be added to a table, in the order they must be: one with a key cannot be altered further."""


@dataclass(frozen=True)
class Addition:
    """A key or an index."""

    name: str
    """What a person calls it."""
    sql: str
    """Makes it again where `target` is in use."""


@dataclass(frozen=True)
class Additions:
    """All that stands on a table."""

    comments: tuple[str, ...] = ()
    """SQL that makes the comments on the table and its columns again."""
    later: tuple[Addition, ...] = ()
    """What is made again once the rows stand, in this order."""
    lost: tuple[str, ...] = ()
    """What DuckDB cannot add to a table that exists."""


def read_additions(connection: duckdb.DuckDBPyConnection, table: str) -> Additions:
    """Those of the table of the database `target`; none where there is no such table."""
    place = f"target.main.{identifier(table)}"
    texts = connection.execute(f"SELECT comment FROM duckdb_tables() WHERE {_OF_TABLE}", [table]).fetchall()
    comments = [f"COMMENT ON TABLE {place} IS {literal(text)}" for (text,) in texts if text is not None]
    texts = connection.execute(
        f"SELECT column_name, comment FROM duckdb_columns() WHERE {_OF_TABLE} AND comment IS NOT NULL", [table]
    ).fetchall()
    comments += [f"COMMENT ON COLUMN {place}.{identifier(name)} IS {literal(text)}" for name, text in texts]
    keys, lost = _constraints(connection, table, place)
    return Additions(tuple(comments), (*keys, *_indexes(connection, table)), lost)


def add_again(connection: duckdb.DuckDBPyConnection, additions: Additions, name: str) -> tuple[str, ...]:
    """Make keys and indexes again on the new rows; a line for each that is lost. name: of the table, in these lines.
    `target` is in use afterwards.

    Not in the transaction of the rows: an index may need more memory than they do, and a key may not hold for them.
    """
    notes = [f"{name}: {what} was dropped with the old rows; DuckDB cannot add it again" for what in additions.lost]
    for one in additions.later:
        try:
            # The statements of indexes name the table alone.
            connection.execute("USE target.main")
            connection.execute(one.sql)
        except duckdb.Error as error:
            notes.append(
                f"{name}: {one.name} was dropped with the old rows and cannot be made again "
                f"({first_sentence(error)}); to try it yourself: {one.sql}"
            )
    return tuple(notes)


def _constraints(
    connection: duckdb.DuckDBPyConnection, table: str, place: str
) -> tuple[list[Addition], tuple[str, ...]]:
    """Those that can be added later, and the texts of the others."""
    found = connection.execute(
        "SELECT constraint_type, constraint_text, constraint_column_names FROM duckdb_constraints() "
        f"WHERE {_OF_TABLE} ORDER BY constraint_index",
        [table],
    ).fetchall()
    keys = []
    for wanted in _IN_ORDER:
        for kind, _, names in found:
            listed = ", ".join(map(identifier, names))
            change = f"ALTER COLUMN {listed} SET NOT NULL" if kind == "NOT NULL" else f"ADD {kind} ({listed})"
            if kind == wanted:
                keys.append(Addition(f"{kind} ({', '.join(names)})", f"ALTER TABLE {place} {change}"))
    return keys, tuple(text for kind, text, _ in found if kind not in _IN_ORDER)


def _indexes(connection: duckdb.DuckDBPyConnection, table: str) -> list[Addition]:
    found = connection.execute(
        f"SELECT index_name, sql, comment FROM duckdb_indexes() WHERE {_OF_TABLE} ORDER BY index_oid", [table]
    ).fetchall()
    made = [Addition(f"the index {name!r}", str(sql).rstrip("; ")) for name, sql, _ in found if sql]
    return made + [
        Addition(
            f"the comment on the index {name!r}", f"COMMENT ON INDEX target.main.{identifier(name)} IS {literal(text)}"
        )
        for name, _, text in found
        if text is not None
    ]
