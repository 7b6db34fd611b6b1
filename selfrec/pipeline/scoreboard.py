"""How the stages rank on the validation rows: their figures, row by row."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from selfrec.histories import Histories, Holdout
from selfrec.pipeline.listener import FitListener
from selfrec.pipeline.measure import Measured, ScoreAll, better, measure, rank_all


@dataclass(frozen=True)
class Stage:
    """One row of the stage table."""

    name: str
    metrics: dict[str, float]
    kept: bool
    """Whether this is the pipeline that is exported."""


class Scoreboard:
    """Measures pipelines, and notes a row for each that is offered."""

    def __init__(self, device: torch.device, listener: FitListener, far: Histories | None = None) -> None:
        """far: the targets that lie far from what is shown, where lists must not get worse for them."""
        self.far = far
        self._device, self._listener = device, listener
        self._rows: list[tuple[str, Measured | None]] = []

    def measure(self, score: ScoreAll, validation: Holdout) -> Measured:
        """The figures of a scoring of all items."""
        return measure(rank_all(score, validation, self._device), validation.targets, self.far)

    def same_for_all(self, scores: Tensor, validation: Holdout) -> Measured:
        """The figures of one list for all users, by float32[N]."""
        scores = scores.to(self._device)
        return self.measure(lambda batch: scores.expand(len(batch.history), -1), validation)

    def row(self, name: str, measured: Measured | None) -> None:
        """A new row of the table."""
        self._rows.append((name, measured))
        self._listener.stage(name, _metrics(measured))

    def table(self, exported: Measured | None) -> tuple[Stage, ...]:
        """All rows in order; `exported` are the very figures of the pipeline that is exported."""
        return tuple(
            Stage(name, _metrics(measured), kept=measured is not None and measured is exported)
            for name, measured in self._rows
        )


def wins(new: Measured | None, old: Measured | None) -> bool:
    """Whether a stage earns its place."""
    return old is None or (new is not None and better(new, old))


def _metrics(measured: Measured | None) -> dict[str, float]:
    return {} if measured is None else measured.metrics
