"""Events dated far after all others: whatever counts back from the newest event would count from them."""

from __future__ import annotations

from selfrec import columns
from selfrec.source.open import LATEST_SECONDS, Source, iso_time
from selfrec.words import plural

FEW = 0.01
"""So many of the rows, or fewer, in the newer half of the time are strays."""


def stray_times(source: Source) -> str:
    """What to know of the few events that make up the newer half of all time between the oldest and the newest.

    Nothing where events are spread as events are: half of a shop's time with a hundredth of its rows is a wrong date.
    However many there are, so are the years after 5138: the "never" of a database, or milliseconds among seconds.
    """
    first, last = source.span.first, source.span.last
    if source.columns[columns.TIMESTAMP] is None or first is None or last is None or first == last:
        return ""
    middle = first + (last - first) / 2
    [(known, late, newest)] = source.connection.execute(
        "SELECT count(epoch), count(*) FILTER (epoch > $middle), max(epoch) FILTER (epoch <= $middle) "
        f"FROM {source.relation_sql}",
        {"middle": middle},
    ).fetchall()
    if late > FEW * known and last <= LATEST_SECONDS:
        return ""
    rows = plural(late, "row")
    return f"{rows} up to {iso_time(last)}, all others until {iso_time(newest)}: mend or leave out wrong dates"
