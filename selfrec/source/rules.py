"""The preprocessing report: one line a rule, so that nothing disappears without a line."""

from __future__ import annotations

from dataclasses import dataclass, field

from selfrec.errors import EmptyDataError
from selfrec.words import all_of


@dataclass(frozen=True, kw_only=True)
class RuleCount:
    """One line of the preprocessing report."""

    rule: str
    """What the rule is called, with the option that sets it."""
    rows_before: int
    rows_dropped: int
    note: str = ""


@dataclass
class Report:
    """The lines so far. Each rule starts with the rows the one before it left."""

    source: str
    """What errors call the source."""
    rows: int
    """Rows left: events, and pairs of user and item once events are folded."""
    lines: list[RuleCount] = field(default_factory=list)

    def drop(self, rule: str, rows: int, note: str = "", *, hint: str) -> None:
        """Add a line. Raises EmptyDataError, naming the rule and the hint, where it left nothing."""
        self.lines.append(RuleCount(rule=rule, rows_before=self.rows, rows_dropped=rows, note=note))
        before, self.rows = self.rows, self.rows - rows
        if self.rows <= 0:
            raise EmptyDataError(f"{self.source}: the rule {rule!r} dropped {all_of(before, 'row')}; {hint}")

    def tell(self, rule: str, note: str) -> None:
        """Add a line of a rule that drops no rows."""
        self.lines.append(RuleCount(rule=rule, rows_before=self.rows, rows_dropped=0, note=note))
