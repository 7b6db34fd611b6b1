"""From all rows of a source to the events that are worth learning from. Every rule is a line of the report.

Afterwards FIT_USERS, FIT_ITEMS and FIT_EVENTS stand in the session (see selfrec.source.session_tables).
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from selfrec import columns
from selfrec.errors import EmptyDataError
from selfrec.settings.tables import Config
from selfrec.source.mapping import require_column
from selfrec.source.open import Source
from selfrec.source.quoting import identifier, literal
from selfrec.source.rules import Report
from selfrec.source.session_tables import FIT_EVENTS, FIT_ITEMS, FIT_USERS
from selfrec.source.stray_times import stray_times
from selfrec.source.weighting import Reason, Weighting, weighting_of
from selfrec.words import plural

FEWEST_BOT_EVENTS = 1000
"""No user with so many events or fewer is taken for a bot."""
_MAD_TO_SIGMA = 1.4826
"""Scale of the median absolute deviation to a normal distribution's standard deviation (Rousseeuw & Croux 1993)."""


@dataclass(frozen=True, kw_only=True)
class Cleaned:
    """The cleaned events, in the tables named above."""

    source: Source
    weighting: Weighting
    report: Report
    users: int
    """Users of FIT_USERS."""
    items: int
    """Items of FIT_ITEMS."""


def clean(source: Source, config: Config) -> Cleaned:
    """Apply the rules on single events and on busy users. Raises EmptyDataError, ColumnError."""
    weighting = weighting_of(source, config)
    report = Report(source.name, source.span.rows)
    if not source.span.rows:
        raise EmptyDataError(f"{source.name}: has no rows; name a source with interactions")
    for note in (*source.mapping.notes, *source.mapping.guesses):
        report.tell("columns", note)
    _count_events(source, config, weighting, report)
    users, items = _make_events(source, config, weighting)
    if config.cleaning.max_events_robust is not None:
        _drop_bots(source, config.cleaning.max_events_robust, report)
    return Cleaned(source=source, weighting=weighting, report=report, users=users, items=items)


def _count_events(source: Source, config: Config, weighting: Weighting, report: Report) -> None:
    sql = f"SELECT {weighting.reason}, count(*), count(weight) FROM {source.relation_sql} GROUP BY 1"
    found = {Reason(row[0]): (row[1], row[2]) for row in source.connection.execute(sql).fetchall()}
    rows = {reason: found.get(reason, (0, 0))[0] for reason in Reason}
    cleaning = config.cleaning
    seen = "still seen: never recommended to that user"
    report.drop("null ids", rows[Reason.NULL_ID], hint="check --user-column and --item-column")
    if config.events:
        # The reasons are told apart in the order of the rules, so excluded events are not among these.
        unnamed = rows[Reason.UNNAMED_EVENT]
        notes = [_unnamed(source, weighting) if unnamed else "", _absent(source, config.events)]
        note = "; ".join(filter(None, notes))
        report.drop("events not named in [events]", unnamed, note, hint=_events_hint(source))
    if cleaning.exclude_events:
        note = "; ".join(filter(None, [seen, _absent(source, cleaning.exclude_events)]))
        report.drop("cleaning.exclude_events", rows[Reason.EXCLUDED_EVENT], note, hint="exclude fewer events")
    if source.columns[columns.WEIGHT] is not None:
        if cleaning.missing_weight == "drop":
            report.drop(
                "cleaning.missing_weight", rows[Reason.MISSING_WEIGHT], seen, hint="set a number to fill in instead"
            )
        else:
            filled = rows[Reason.KEPT] - found.get(Reason.KEPT, (0, 0))[1]
            report.tell("cleaning.missing_weight", f"{plural(filled, 'row')} filled with {cleaning.missing_weight:g}")
        report.drop("weight not finite or not above 0", rows[Reason.BAD_WEIGHT], seen, hint="check --weight-column")
    if source.columns[columns.TIMESTAMP] is not None:
        report.tell("unknown time", f"{plural(source.span.unknown_times, 'row')}, taken for the oldest")
        if strays := stray_times(source):
            back = "; cleaning.half_life_days counts back from the newest" if cleaning.half_life_days else ""
            report.tell("far newer than the rest", strays + back)


def _events_hint(source: Source) -> str:
    sql = f"SELECT event, count(*) FROM {source.relation_sql} GROUP BY event ORDER BY 2 DESC, 1 LIMIT 10"
    names = ", ".join(repr(row[0]) for row in source.connection.execute(sql).fetchall())
    return f"the source's events are {names}"


def _unnamed(source: Source, weighting: Weighting, most: int = 5) -> str:
    """The events that [events] drops, the most frequent first."""
    sql = (
        f"SELECT event FROM {source.relation_sql} WHERE {weighting.reason} = {int(Reason.UNNAMED_EVENT)} "
        f"GROUP BY event ORDER BY count(*) DESC, event LIMIT {most + 1}"
    )
    names = ["null" if name is None else repr(name) for (name,) in source.connection.execute(sql).fetchall()]
    return ", ".join(names[:most]) + (" and others" if len(names) > most else "")


def _absent(source: Source, named: Iterable[str]) -> str:
    """Which of these events no row has: a misspelt name would do nothing without a word."""
    listed = ", ".join(map(literal, named))
    sql = f"SELECT DISTINCT event FROM {source.relation_sql} WHERE event IN ({listed})"
    found = {name for (name,) in source.connection.execute(sql).fetchall()}
    absent = ", ".join(repr(name) for name in named if name not in found)
    return f"no row has {absent}" if absent else ""


def _make_events(source: Source, config: Config, weighting: Weighting) -> tuple[int, int]:
    """Make the tables of users, items and events; returns how many users and items there are."""
    connection = source.connection
    label = "NULL::VARCHAR"
    if config.split.kind == "column":
        name = require_column(source.name, source.types, config.split.column, "split.column")
        label = f"CAST({identifier(name)} AS VARCHAR)"
    relation = f"({source.mapping.select(source.raw_sql, [f'{label} AS label'])})"
    for table, column, code, order in (
        (FIT_USERS, "user_id", "u", "user_id"),
        (FIT_ITEMS, "item_id", "i", "CAST(item_id AS VARCHAR)"),
    ):
        salt = literal(f"{config.seed}:{column}:")
        connection.execute(
            f"CREATE OR REPLACE TEMP TABLE {table} AS "
            f"SELECT {column}, (row_number() OVER (ORDER BY {order}) - 1)::INTEGER AS {code}, "
            f"md5({salt} || CAST({column} AS VARCHAR)) AS draw "
            f"FROM (SELECT DISTINCT {column} FROM {relation} AS events WHERE {weighting.kept()})"
        )
    ticks = "0::BIGINT" if weighting.clock is None else weighting.clock.sql("epoch")
    connection.execute(
        f"CREATE OR REPLACE TEMP TABLE {FIT_EVENTS} AS "
        f"SELECT u, i, {ticks} AS ticks, {weighting.strength} AS strength, label "
        f"FROM {relation} AS events JOIN {FIT_USERS} USING (user_id) JOIN {FIT_ITEMS} USING (item_id) "
        f"WHERE {weighting.kept()}"
    )
    [(users, items)] = connection.execute(
        f"SELECT (SELECT count(*) FROM {FIT_USERS}), (SELECT count(*) FROM {FIT_ITEMS})"
    ).fetchall()
    return int(users), int(items)


def _drop_bots(source: Source, width: float, report: Report) -> None:
    """Drop users with more events than exp(median + width x 1.4826 x MAD) of the logarithm of users' events."""
    counts = f"(SELECT u, count(*) AS events FROM {FIT_EVENTS} WHERE strength > 0 GROUP BY u)"
    [(middle, spread)] = source.connection.execute(
        f"SELECT median(ln(events)), mad(ln(events)) FROM {counts}"
    ).fetchall()
    bound = max(FEWEST_BOT_EVENTS, math.exp(min(middle + width * _MAD_TO_SIGMA * spread, 60.0)))
    [(users, events)] = source.connection.execute(
        f"SELECT count(*), coalesce(sum(events), 0) FROM {counts} WHERE events > $bound", {"bound": bound}
    ).fetchall()
    if users:
        source.connection.execute(
            f"DELETE FROM {FIT_EVENTS} WHERE u IN (SELECT u FROM {counts} WHERE events > $bound)", {"bound": bound}
        )
    report.drop(
        "bots (cleaning.max_events_robust)",
        int(events),
        f"{plural(users, 'user')} with more than {bound:,.0f} events",
        hint="raise or unset cleaning.max_events_robust",
    )
