"""How the stages rank on the validation rows: their figures, row by row."""

from __future__ import annotations

import time

import torch
from torch import Tensor

from selfrec.histories import Histories, Holdout
from selfrec.pipeline.chosen import Chosen, Stage
from selfrec.pipeline.listener import FitListener
from selfrec.pipeline.measure import Measured, ScoreAll, better, measure, rank_all


class Scoreboard:
    """Measures pipelines and keeps the stage table."""

    def __init__(self, device: torch.device, listener: FitListener) -> None:
        self.table: list[Stage] = []
        self.far: Histories | None = None
        """The targets that lie far from what is shown, where lists must not get worse for them."""
        self._device, self._listener = device, listener
        self._since = time.monotonic()

    def measure(self, score: ScoreAll, validation: Holdout) -> Measured:
        """The figures of a scoring of all items."""
        return measure(rank_all(score, validation, self._device), validation.targets, self.far)

    def same_for_all(self, scores: Tensor, validation: Holdout) -> Measured:
        """The figures of one list for all users, by float32[N]."""
        scores = scores.to(self._device)
        return self.measure(lambda batch: scores.expand(len(batch.history), -1), validation)

    def row(self, name: str, measured: Measured | None) -> None:
        """A new row of the table."""
        metrics = {} if measured is None else measured.metrics
        now = time.monotonic()
        self.table.append(Stage(name, metrics, now - self._since))
        self._since = now
        self._listener.stage(name, metrics)

    def mark(self, chosen: Chosen) -> None:
        """Mark the row of the pipeline that is exported."""
        for stage in self.table:
            stage.kept = chosen.measured is not None and stage.metrics is chosen.measured.metrics


def wins(new: Measured | None, old: Measured | None) -> bool:
    """Whether a stage earns its place."""
    return old is None or (new is not None and better(new, old))
