"""Who is to be scored: every user of a source, or those that a table or file names."""

from __future__ import annotations

import pyarrow as pa

from selfrec import columns
from selfrec.errors import SourceError
from selfrec.source.ids import exact_sql
from selfrec.source.open import Source
from selfrec.source.places import open_place
from selfrec.source.quoting import identifier
from selfrec.source.session import reading
from selfrec.source.session_tables import LISTED_USERS
from selfrec.source.text_files import INSTEAD, is_text_file, read_lines
from selfrec.words import plural

_TEXT = f"{LISTED_USERS}_text"
"""The ids as they were given."""


def list_users(source: Source, place: str | None) -> int:
    """Make the list of users to score; returns about how many rows they take to read.

    place: a table or view of a DuckDB source, or a Parquet or CSV path, with the source's user column, or a text file
    (.txt) with one id a line; nulls are dropped, repeats count once. None: every user of the source.
    Raises SourceError, ColumnError.
    """
    connection = source.connection
    if place is None:
        connection.execute(
            f"CREATE OR REPLACE TEMP VIEW {LISTED_USERS} AS "
            f"SELECT DISTINCT user_id FROM {source.relation_sql} WHERE user_id IS NOT NULL"
        )
        return source.span.rows
    name = _copy_lines(source, place) if is_text_file(place) else _copy_column(source, place)
    exact = exact_sql("user_id", source.user_type)
    connection.execute(
        f"CREATE OR REPLACE TEMP TABLE {LISTED_USERS} AS SELECT DISTINCT {exact} AS user_id FROM {_TEXT}"
    )
    if connection.execute(f"SELECT 1 FROM {LISTED_USERS} WHERE user_id IS NULL").fetchall():
        [(such, bad)] = connection.execute(
            f"SELECT min(user_id), count(DISTINCT user_id) FROM {_TEXT} WHERE {exact} IS NULL"
        ).fetchall()
        raise SourceError(
            f"{name}: {such!r:.60} is no {source.user_type}, as the source's user ids are ({plural(bad, 'such id')} in "
            "all); correct them or leave them out"
        )
    [(rows,)] = connection.execute(
        f"SELECT count(*) FROM {source.relation_sql} WHERE user_id IN (SELECT user_id FROM {LISTED_USERS})"
    ).fetchall()
    [(users,)] = connection.execute(f"SELECT count(*) FROM {LISTED_USERS}").fetchall()
    return int(rows) + int(users)


def _copy_column(source: Source, place: str) -> str:
    """Make a temporary table of the ids as text; what errors call the place."""
    names = (source.columns[columns.USER_ID] or columns.USER_ID, columns.USER_ID)
    with open_place(place, source, names) as opened:
        column = identifier(
            opened.id_column(
                *names,
                option="name it like the source's user column",
                is_id=lambda text: _could_have(source, text),
                instead=INSTEAD,
            )
        )
        opened.copy_into(
            source,
            _TEXT,
            f"SELECT CAST({column} AS VARCHAR) AS user_id FROM {opened.relation} WHERE {column} IS NOT NULL",
        )
        return opened.name


def _copy_lines(source: Source, path: str) -> str:
    """The same from a text file: without outer spaces, unless the source has a user who is written with them."""
    lines = f"{_TEXT}_lines"
    source.connection.register(lines, pa.table({"line": read_lines(path)}))
    known = f"line IN (SELECT user_id FROM {source.relation_sql})" if source.user_type == "VARCHAR" else "false"
    try:
        with reading(source.name):
            source.connection.execute(
                f"CREATE OR REPLACE TEMP TABLE {_TEXT} AS "
                rf"SELECT CASE WHEN {known} THEN line ELSE regexp_replace(line, '^\s+|\s+$', '', 'g') END AS user_id "
                f"FROM {lines}"
            )
    finally:
        source.connection.unregister(lines)
    return path


def _could_have(source: Source, text: str) -> bool:
    """Whether a text is a user id: one of the source's, or any of their type where that is not text."""
    exact = exact_sql("$1", source.user_type)
    known = f"IN (SELECT user_id FROM {source.relation_sql})" if source.user_type == "VARCHAR" else "IS NOT NULL"
    with reading(source.name):
        [(found,)] = source.connection.execute(f"SELECT {exact} {known}", [text]).fetchall()
    return bool(found)
