"""What each event counts, in SQL. Fitting and scoring share it, so that a history weighs the same in both."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from selfrec import columns
from selfrec.errors import ColumnError
from selfrec.settings.tables import Config
from selfrec.source.folding import Clock
from selfrec.source.open import Source
from selfrec.source.quoting import literal


class Reason(IntEnum):
    """Why an event is not part of a history; rules in the order they apply."""

    KEPT = 0
    NULL_ID = 1
    UNNAMED_EVENT = 2
    EXCLUDED_EVENT = 3
    MISSING_WEIGHT = 4
    BAD_WEIGHT = 5

    @property
    def seen(self) -> bool:
        """Whether the item still counts as seen, and so is never recommended to the user."""
        return self >= Reason.EXCLUDED_EVENT


@dataclass(frozen=True)
class Weighting:
    """SQL expressions over the canonical view."""

    reason: str
    """The Reason of an event, as an integer."""
    strength: str
    """FLOAT: event weight x weight column, 0 for seen-only events; meaningless where the reason is not `seen`."""
    uniform: bool
    """Whether every event weighs 1, so that the strength need not be read."""
    clock: Clock | None
    """Ticks of the source's times; None where it has none."""

    def kept(self) -> str:
        """Condition: the event is part of a history or its item is seen."""
        return f"{self.reason} NOT IN ({int(Reason.NULL_ID)}, {int(Reason.UNNAMED_EVENT)})"


def weighting_of(source: Source, config: Config) -> Weighting:
    """How the events of this source are weighed. Raises ColumnError where an option needs a missing column."""
    _check(source, config)
    excluded = config.cleaning.exclude_events
    has_weight = source.columns[columns.WEIGHT] is not None
    fill = config.cleaning.missing_weight
    weight = "1.0::DOUBLE"
    if has_weight:
        weight = "weight" if fill == "drop" else f"coalesce(weight, {float(fill)!r}::DOUBLE)"
    if config.events:
        cases = " ".join(f"WHEN {literal(name)} THEN {float(value)!r}::DOUBLE" for name, value in config.events.items())
        weight = f"({weight}) * (CASE event {cases} END)"
    rules = [("user_id IS NULL OR item_id IS NULL", Reason.NULL_ID)]
    if excluded:
        rules.append((f"event IN ({', '.join(map(literal, excluded))})", Reason.EXCLUDED_EVENT))
    if config.events:
        names = ", ".join(map(literal, config.events))
        rules.append((f"event IS NULL OR event NOT IN ({names})", Reason.UNNAMED_EVENT))
    if has_weight:
        if fill == "drop":
            rules.append(("weight IS NULL", Reason.MISSING_WEIGHT))
        rules.append((f"NOT isfinite({weight}) OR ({weight}) <= 0", Reason.BAD_WEIGHT))
    cases = " ".join(f"WHEN {condition} THEN {int(reason)}" for condition, reason in rules)
    reason_sql = f"(CASE {cases} ELSE {int(Reason.KEPT)} END)"
    return Weighting(
        reason=reason_sql,
        strength=(
            f"(CASE WHEN {reason_sql} = {int(Reason.KEPT)} "
            f"THEN least(greatest({weight}, 1e-30), 1e30) ELSE 0 END)::FLOAT"
        ),
        uniform=not (has_weight or config.events or excluded),
        clock=clock_of(source),
    )


def clock_of(source: Source) -> Clock | None:
    """The ticks of the source's times."""
    span = source.span
    if span.first is None:
        return None
    return Clock(span.first, 1 if span.whole_seconds else 1_000_000)


def _check(source: Source, config: Config) -> None:
    if source.columns[columns.EVENT] is None:
        for option, value in (("events", config.events), ("cleaning.exclude_events", config.cleaning.exclude_events)):
            if value:
                raise ColumnError(
                    f"{source.name}: {option} is set but there is no event column; name one with --event-column"
                )
    if config.cleaning.half_life_days is not None and source.span.first is None:
        raise ColumnError(
            f"{source.name}: cleaning.half_life_days is set but no time is known; "
            "name the time column with --timestamp-column"
        )
