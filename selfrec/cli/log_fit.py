"""A fit's progress, told to the log as well as to the display."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from selfrec.cli.log import EventLog
    from selfrec.pipeline.listener import FitListener
    from selfrec.source.rules import RuleCount


class LoggedFit:
    """A FitListener that writes events and hands everything on to another listener."""

    def __init__(self, listener: FitListener, log: EventLog) -> None:
        self._listener, self._log = listener, log

    def cleaned(self, report: Sequence[RuleCount]) -> None:
        """One event a rule."""
        for line in report:
            self._log(
                "cleaned", rule=line.rule, rows_before=line.rows_before, rows_dropped=line.rows_dropped, note=line.note
            )
        self._listener.cleaned(report)

    def training(self, phase: str, kind: str, label: str, epochs: int) -> None:
        """A part starts training."""
        self._log("training", phase=phase, kind=kind, label=label, epochs=epochs)
        self._listener.training(phase, kind, label, epochs)

    def epoch(self, label: str, number: int, metrics: Mapping[str, float]) -> None:
        """An epoch ended."""
        self._log("epoch", label=label, number=number, metrics=dict(metrics))
        self._listener.epoch(label, number, metrics)

    def trial(self, number: int, options: Mapping[str, Any], metrics: Mapping[str, float], seconds: float) -> None:
        """A trial ended."""
        self._log("trial", number=number, options=dict(options), metrics=dict(metrics), took=seconds)
        self._listener.trial(number, options, metrics, seconds)

    def stage(self, name: str, metrics: Mapping[str, float]) -> None:
        """A stage was measured."""
        self._log("stage", name=name, metrics=dict(metrics))
        self._listener.stage(name, metrics)

    def working(self, text: str) -> None:
        """What is being done."""
        self._log("working", text=text)
        self._listener.working(text)

    def message(self, text: str) -> None:
        """One line."""
        self._log("message", text=text)
        self._listener.message(text)
