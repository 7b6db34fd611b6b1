"""The pipeline as a value: its parts, their weights and how well they rank. A step of the selection makes a new one."""

from __future__ import annotations

from dataclasses import dataclass

from selfrec.histories import Histories
from selfrec.pipeline.measure import Measured
from selfrec.pipeline.parts import Part
from selfrec.pipeline.recency import EVEN, Recency


@dataclass(frozen=True, kw_only=True)
class Chosen:
    """The parts of a pipeline that were trained on the same rows."""

    extractors: tuple[Part, ...] = ()
    generators: tuple[Part, ...] = ()
    weights: tuple[float, ...] = ()
    """One number a generator."""
    recency: Recency = EVEN
    """How much old items of a history count beside new ones."""
    ranker: Part | None = None
    measured: Measured | None = None
    """How the lists rank on the validation rows; None where there are none."""
    generated: Histories | None = None
    """Generated histories that the extractors were trained on as well."""

    @property
    def parts(self) -> list[Part]:
        """All parts, extractors first. Two faces of one module are two parts."""
        return [*self.extractors, *self.generators, *([self.ranker] if self.ranker else [])]
