"""What a fit tells the outside while it runs. Light: the command line implements it without torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from selfrec.source.rules import RuleCount


class FitListener(Protocol):
    """Told about the progress of a fit."""

    def cleaned(self, report: Sequence[RuleCount]) -> None:
        """The cleaning rules have been applied."""

    def training(self, phase: str, kind: str, label: str, epochs: int) -> None:
        """A part starts training: the phase ("selection" or "refit"), its kind and label, most epochs."""

    def epoch(self, label: str, number: int, metrics: Mapping[str, float]) -> None:
        """An epoch of the part ended; figures as given to the epoch hook."""

    def trial(self, number: int, options: Mapping[str, Any], metrics: Mapping[str, float], seconds: float) -> None:
        """A trial of the search for options ended; number 0 is the options as they stand; no metrics: it failed."""

    def stage(self, name: str, metrics: Mapping[str, float]) -> None:
        """A stage was measured on the validation rows."""

    def working(self, text: str) -> None:
        """What is being done from now on, where no part is trained."""

    def message(self, text: str) -> None:
        """One line worth showing."""


class Silent:
    """A listener that says nothing."""

    def cleaned(self, report: Sequence[RuleCount]) -> None:
        return None

    def training(self, phase: str, kind: str, label: str, epochs: int) -> None:
        return None

    def epoch(self, label: str, number: int, metrics: Mapping[str, float]) -> None:
        return None

    def trial(self, number: int, options: Mapping[str, Any], metrics: Mapping[str, float], seconds: float) -> None:
        return None

    def stage(self, name: str, metrics: Mapping[str, float]) -> None:
        return None

    def working(self, text: str) -> None:
        return None

    def message(self, text: str) -> None:
        return None
