"""Which events are held out: the five kinds of split.

Every choice by chance is an md5 of the seed and the ids, so that it depends on neither the order of the rows nor the
number of threads, and a user's draw does not move when other users come and go.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from functools import partial

from selfrec import columns
from selfrec.errors import ColumnError, EmptyDataError
from selfrec.settings.tables import Config, SplitKind, SplitSettings
from selfrec.source.cleaning import Cleaned
from selfrec.source.session_tables import FIT_EVENTS, FIT_ITEMS, FIT_SPLIT, FIT_USERS
from selfrec.words import plural


class SplitPart(IntEnum):
    """What an event is used for."""

    TRAIN = 0
    VALIDATION = 1
    """Hidden, to choose on."""
    TEST = 2
    """Hidden, to measure on."""
    VALIDATION_INPUT = 3
    """`users`: shown of a validation user."""
    TEST_INPUT = 4
    """`users`: shown of a test user."""


@dataclass(frozen=True)
class Split:
    """The kind that was used, and for `temporal` the first tick of each hidden part. The events stand in
    FIT_SPLIT.
    """

    kind: SplitKind
    cuts: dict[SplitPart, int]

    def inputs(self, hidden: SplitPart) -> tuple[SplitPart, ...]:
        """The parts a holdout's histories are made of."""
        if hidden is SplitPart.VALIDATION:
            return (SplitPart.VALIDATION_INPUT,) if self.kind == "users" else (SplitPart.TRAIN,)
        return (SplitPart.TEST_INPUT,) if self.kind == "users" else (SplitPart.TRAIN, SplitPart.VALIDATION)


TRAIN_AND_VALIDATION = (SplitPart.TRAIN, SplitPart.VALIDATION, SplitPart.VALIDATION_INPUT)


_OF_KIND: dict[str, SplitKind] = {"last_items": "leave-last", "fold_in": "users", "column": "column"}
"""Options that only one kind of split reads."""


def split_events(cleaned: Cleaned, config: Config) -> Split:
    """Give every event its part. Raises EmptyDataError, ColumnError."""
    kind = config.split.kind
    timed = cleaned.weighting.clock is not None
    if kind is None:
        kind = "leave-last" if timed else "random"
    if kind in ("leave-last", "temporal") and not timed:
        column = cleaned.source.columns[columns.TIMESTAMP]
        found = "there is no time column" if column is None else f"column {column!r} has no known time"
        raise ColumnError(
            f"{cleaned.source.name}: split.kind = {kind!r} needs times, but {found}; "
            "name one with --timestamp-column or set split.kind = 'random'"
        )
    for option, its_kind in _OF_KIND.items():
        given = getattr(config.split, option)
        if kind != its_kind and given != SplitSettings.model_fields[option].default:
            cleaned.report.tell(
                f"split.{option}",
                f"{given!r} does nothing: it goes with split.kind = {its_kind!r}, and this is {kind!r}",
            )
    most = config.training.validation_users
    makers: dict[str, Callable[[Cleaned, SplitSettings], dict[SplitPart, int]]] = {
        "leave-last": _leave_last,
        "random": partial(_random, validation_users=most),
        "temporal": _temporal,
        "users": partial(_users, validation_users=most),
        "column": partial(_column, validation_users=most),
    }
    return Split(kind, makers[kind](cleaned, config.split))


def check_last_items(cleaned: Cleaned, split: Split, settings: SplitSettings) -> None:
    """Raises EmptyDataError where split.last_items is more than the longest history has beside an item to learn from
    and one to choose on."""
    last = settings.last_items
    if split.kind != "leave-last" or last is None or settings.test == 0:
        return
    [(longest,)] = cleaned.source.connection.execute(
        f"SELECT max(n) FROM (SELECT count(DISTINCT i) AS n FROM {FIT_SPLIT} WHERE strength > 0 GROUP BY u)"
    ).fetchall()
    if longest is not None and 2 < longest < last + 2:
        raise EmptyDataError(
            f"{cleaned.source.name}: split.last_items = {last} leaves nothing to choose on, for the longest history "
            f"has {longest:,} items; set split.last_items to {longest - 2} or less"
        )


def hidden_sql(share: float, count: str) -> str:
    """How many of a user's items are hidden: the share rounded half up, at least 1 of 5 or more."""
    if share == 0:
        return "0"
    rounded = f"floor({share!r}::DOUBLE * {count} + 0.5)::BIGINT"
    return f"(CASE WHEN {count} >= 5 THEN greatest(1, {rounded}) ELSE {rounded} END)"


def _pairs_sql(condition: str = "true") -> str:
    """u, i, ticks (newest event), draw: the pairs of user and item that events under this condition make."""
    draw = f"md5_number_lower(any_value({FIT_USERS}.draw) || any_value({FIT_ITEMS}.draw))"
    return f"""
    SELECT u, i, max(ticks) AS ticks, {draw} AS draw
    FROM {FIT_EVENTS} JOIN {FIT_USERS} USING (u) JOIN {FIT_ITEMS} USING (i)
    WHERE strength > 0 AND {condition} GROUP BY u, i"""


def _leave_last(cleaned: Cleaned, split: SplitSettings) -> dict[SplitPart, int]:
    if split.last_items is None:
        test, validation = hidden_sql(split.test, "n"), hidden_sql(split.validation, "n")
    else:
        test, validation = str(split.last_items if split.test > 0 else 0), str(split.last_items)
    _hide_pairs(cleaned, "ticks DESC, draw, i", test, validation)
    return {}


def _random(cleaned: Cleaned, split: SplitSettings, *, validation_users: int) -> dict[SplitPart, int]:
    _hide_pairs(cleaned, "draw, i", hidden_sql(split.test, "n"), hidden_sql(split.validation, "n"))
    _give_back(cleaned, validation_users)
    return {}


def _give_back(cleaned: Cleaned, validation_users: int) -> None:
    """Give validation rows back to training, where they are worth more, but for those of the users who are scored.

    Only where rows are drawn by chance: the newest rows of other users would tell what was popular at that time.
    """
    cleaned.source.connection.execute(
        f"""
        UPDATE {FIT_SPLIT} SET part = {int(SplitPart.TRAIN)} WHERE part = {int(SplitPart.VALIDATION)} AND u NOT IN (
            SELECT u FROM (SELECT DISTINCT u FROM {FIT_SPLIT} WHERE part = {int(SplitPart.VALIDATION)})
            JOIN {FIT_USERS} USING (u) ORDER BY draw, u LIMIT {validation_users})"""
    )


def _hide_pairs(cleaned: Cleaned, order: str, test: str, validation: str) -> None:
    """Hide each user's first pairs in this order: test first, then validation; one at least is left to train on."""
    cleaned.source.connection.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE {FIT_SPLIT} AS
        WITH pairs AS ({_pairs_sql()}),
        ranked AS (
            SELECT u, i, row_number() OVER (PARTITION BY u ORDER BY {order}) AS r,
                   count(*) OVER (PARTITION BY u) AS n
            FROM pairs),
        sized AS (SELECT *, least({test}, n - 1) AS tested FROM ranked),
        parts AS (
            SELECT u, i, CASE WHEN r <= tested THEN {int(SplitPart.TEST)}
                              WHEN r <= tested + least({validation}, n - 1 - tested) THEN {int(SplitPart.VALIDATION)}
                              ELSE {int(SplitPart.TRAIN)} END AS part
            FROM sized)
        SELECT u, i, ticks, strength, coalesce(part, {int(SplitPart.TRAIN)})::UTINYINT AS part
        FROM {FIT_EVENTS} LEFT JOIN parts USING (u, i)"""
    )


def _temporal(cleaned: Cleaned, split: SplitSettings) -> dict[SplitPart, int]:
    """Everything from a moment on is hidden. All events of one moment fall on one side of it."""
    connection = cleaned.source.connection
    connection.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE fit_moments AS
        SELECT ticks, (sum(count(*)) OVER (ORDER BY ticks DESC))::BIGINT AS later
        FROM {FIT_EVENTS} WHERE strength > 0 AND ticks > 0 GROUP BY ticks"""
    )
    cuts: dict[SplitPart, int] = {}
    hidden = 0
    for part, share in ((SplitPart.TEST, split.test), (SplitPart.VALIDATION, split.validation)):
        if share == 0:
            continue
        cuts[part], hidden = _cut(cleaned, part, share, hidden)
    cases = " ".join(f"WHEN ticks >= {cut} THEN {int(part)}" for part, cut in cuts.items())
    connection.execute(
        f"CREATE OR REPLACE TEMP TABLE {FIT_SPLIT} AS SELECT u, i, ticks, strength, "
        f"(CASE {cases} ELSE {int(SplitPart.TRAIN)} END)::UTINYINT AS part FROM {FIT_EVENTS}"
    )
    return cuts


def _cut(cleaned: Cleaned, part: SplitPart, share: float, hidden: int) -> tuple[int, int]:
    """Where a part begins: the first of its ticks, and how many events there are from it on.

    share: of all events, which the part should have beside the `hidden` ones after it. Reads fit_moments. Raises
    EmptyDataError where there are too few different times.
    """
    connection = cleaned.source.connection
    [(total,)] = connection.execute(f"SELECT count(*) FROM {FIT_EVENTS} WHERE strength > 0").fetchall()
    # A test cut leaves an earlier moment to cut for validation.
    latest = (
        "WHERE later < $total"
        if part is SplitPart.VALIDATION
        else "WHERE later < (SELECT max(later) FROM fit_moments WHERE later < $total)"
    )
    found = connection.execute(
        f"SELECT ticks, later FROM fit_moments {latest} AND later > $hidden "
        "ORDER BY abs(later - $hidden - $wanted), ticks DESC LIMIT 1",
        {"total": total, "hidden": hidden, "wanted": share * total},
    ).fetchall()
    if not found:
        [(moments,)] = connection.execute("SELECT count(*) FROM fit_moments").fetchall()
        raise EmptyDataError(
            f"{cleaned.source.name}: split.kind = 'temporal' finds only {plural(moments, 'different time')}, too "
            "few to cut; set split.kind = 'random'"
        )
    ticks, later = found[0]
    return ticks, later


def _users(cleaned: Cleaned, split: SplitSettings, *, validation_users: int) -> dict[SplitPart, int]:
    """Strong generalisation, after Liang et al. 2018, "Variational Autoencoders for Collaborative Filtering".

    The shares are of all users; those with 2 items or more can be held out. No more are to choose on than are asked.
    """
    connection = cleaned.source.connection
    connection.execute(f"CREATE OR REPLACE TEMP TABLE fit_pairs AS {_pairs_sql()}")
    [(users, eligible)] = connection.execute(
        "SELECT count(*), count(*) FILTER (n >= 2) FROM (SELECT count(*) AS n FROM fit_pairs GROUP BY u)"
    ).fetchall()
    if eligible < 2 + (split.test > 0):
        raise EmptyDataError(
            f"{cleaned.source.name}: split.kind = 'users' finds {plural(eligible, 'user')} with 2 or more items, too "
            "few to hold any out; set split.kind = 'random'"
        )
    test = 0 if split.test == 0 else max(1, min(int(split.test * users + 0.5), eligible - 2))
    validation = max(1, min(int(split.validation * users + 0.5), eligible - test - 1, validation_users))
    connection.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE {FIT_SPLIT} AS
        WITH counted AS (SELECT u, count(*) AS n FROM fit_pairs GROUP BY u),
        drawn AS (
            SELECT u, n, row_number() OVER (ORDER BY n < 2, draw, u) AS place
            FROM counted JOIN {FIT_USERS} USING (u)),
        held AS (
            SELECT u, n, place <= {test} AS tested,
                   least(greatest(floor({split.fold_in!r}::DOUBLE * n + 0.5), 1), n - 1) AS shown
            FROM drawn WHERE place <= {test + validation}),
        ranked AS (
            SELECT u, i, row_number() OVER (PARTITION BY u ORDER BY draw, i) AS r
            FROM fit_pairs SEMI JOIN held USING (u))
        SELECT u, i, ticks, strength,
               (CASE WHEN shown IS NULL THEN {int(SplitPart.TRAIN)}
                     WHEN tested AND r > shown THEN {int(SplitPart.TEST)}
                     WHEN tested THEN {int(SplitPart.TEST_INPUT)}
                     WHEN r > shown THEN {int(SplitPart.VALIDATION)}
                     ELSE {int(SplitPart.VALIDATION_INPUT)} END)::UTINYINT AS part
        FROM {FIT_EVENTS} LEFT JOIN held USING (u) LEFT JOIN ranked USING (u, i)"""
    )
    return {}


def _column(cleaned: Cleaned, split: SplitSettings, *, validation_users: int) -> dict[SplitPart, int]:
    """A column of the source says train, validation or test; without validation, a share of train is drawn."""
    connection = cleaned.source.connection
    known = {"train": SplitPart.TRAIN, "validation": SplitPart.VALIDATION, "test": SplitPart.TEST}
    label = "lower(trim(label))"
    found = connection.execute(f"SELECT DISTINCT {label} FROM {FIT_EVENTS} ORDER BY 1").fetchall()
    labels = {row[0] for row in found}
    foreign = [repr(name) if name is not None else "null" for name in (row[0] for row in found) if name not in known]
    if foreign:
        raise ColumnError(
            f"{cleaned.source.name}: column {split.column!r} has {', '.join(foreign[:5])}; it says train, validation "
            "or test in every row (see split.column)"
        )
    cases = " ".join(f"WHEN '{name}' THEN {int(part)}" for name, part in known.items())
    drawn = "SELECT NULL::INTEGER AS u, NULL::INTEGER AS i WHERE false"
    if "validation" not in labels:
        drawn = f"""
            SELECT u, i FROM (
                SELECT u, i, row_number() OVER (PARTITION BY u ORDER BY draw, i) AS r,
                       count(*) OVER (PARTITION BY u) AS n
                FROM ({_pairs_sql(f"{label} = 'train'")}))
            WHERE r <= least({hidden_sql(split.validation, "n")}, n - 1)"""
    connection.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE {FIT_SPLIT} AS
        WITH drawn AS (SELECT u, i, true AS moved FROM ({drawn}))
        SELECT u, i, ticks, strength,
               (CASE WHEN {label} = 'train' AND moved THEN {int(SplitPart.VALIDATION)}
                     ELSE CASE {label} {cases} END END)::UTINYINT AS part
        FROM {FIT_EVENTS} LEFT JOIN drawn USING (u, i)"""
    )
    if "validation" not in labels:
        _give_back(cleaned, validation_users)
    return {}
