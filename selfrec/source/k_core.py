"""The k-core: items of too few users and users of too few items leave, again and again, until nobody must.

What is left stands in FIT_CORE (see selfrec.source.session_tables).
"""

from __future__ import annotations

from collections.abc import Sequence

from selfrec.settings.tables import CleaningSettings, Config
from selfrec.source.cleaning import Cleaned
from selfrec.source.session_tables import FIT_CORE, FIT_SPLIT
from selfrec.source.splits import SplitPart
from selfrec.words import plural


def parts_sql(parts: Sequence[SplitPart]) -> str:
    """SQL list of parts."""
    return f"({', '.join(str(int(part)) for part in parts)})"


def fold_and_core(cleaned: Cleaned, parts: Sequence[SplitPart], config: Config) -> None:
    """Fold the events of these parts to pairs and cut them to their k-core. Raises EmptyDataError.

    Only rows the model learns from count here, so the promise of min_users_per_item holds for the model itself.
    """
    connection, report, cleaning = cleaned.source.connection, cleaned.report, config.cleaning
    [(events,)] = connection.execute(
        f"SELECT count(*) FROM {FIT_SPLIT} WHERE strength > 0 AND part IN {parts_sql(parts)}"
    ).fetchall()
    report.drop(
        "held out to measure (split.test)",
        report.rows - events,
        hint="leave more to train on: lower split.test",
    )
    [(pairs,)] = connection.execute(
        f"CREATE OR REPLACE TEMP TABLE {FIT_CORE} AS SELECT u, i, max(ticks) AS ticks FROM {FIT_SPLIT} "
        f"WHERE strength > 0 AND part IN {parts_sql(parts)} GROUP BY u, i"
    ).fetchall()
    report.drop(
        f"repeats of a user and item (cleaning.fold = {cleaning.fold!r})",
        events - pairs,
        "added to the pair's weight" if cleaning.fold != "one" else "",
        hint="there are no events",
    )
    last = config.split.last_items
    _core(cleaned, cleaning, "" if last is None else f", or split.last_items (now {last})")


def _core(cleaned: Cleaned, cleaning: CleaningSettings, otherwise: str) -> None:
    """otherwise: what else leaves too little."""
    connection = cleaned.source.connection
    rules = (("i", cleaning.min_users_per_item), ("u", cleaning.min_items_per_user))
    rows = {"i": 0, "u": 0}
    gone = {"i": 0, "u": 0}
    passes, settled = 0, 0
    # Two rules in a row that find nothing to drop mean that the core is reached.
    while settled < len(rules):
        column, least = rules[passes % 2]
        few = f"(SELECT {column} FROM {FIT_CORE} GROUP BY {column} HAVING count(*) < {least})"
        [(found,)] = connection.execute(f"SELECT count(*) FROM {few}").fetchall() if least > 1 else [(0,)]
        if found:
            [(dropped,)] = connection.execute(f"DELETE FROM {FIT_CORE} WHERE {column} IN {few}").fetchall()
            rows[column] += dropped
            gone[column] += found
        settled = 0 if found else settled + 1
        passes += 1
    note = "" if passes <= 3 else f", in {passes} passes with the other rule"
    # Where nothing is left, the rule that took most comes last, so that it is the one named.
    emptied = rows["i"] + rows["u"] == cleaned.report.rows
    order = ("u", "i") if emptied and rows["i"] > rows["u"] else ("i", "u")
    named = {
        "i": ("item", "cleaning.min_users_per_item", cleaning.min_users_per_item, "user"),
        "u": ("user", "cleaning.min_items_per_user", cleaning.min_items_per_user, "item"),
    }
    for column in order:
        one, option, least, of = named[column]
        cleaned.report.drop(
            option,
            rows[column],
            f"{plural(gone[column], one)} with fewer than {plural(least, of)}{note}",
            hint=f"lower {option} (now {least}){otherwise}",
        )
