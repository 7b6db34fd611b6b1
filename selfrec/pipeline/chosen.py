"""What the selection of stages comes to: the pipeline as it stands, and the rows of the stage table."""

from __future__ import annotations

from dataclasses import dataclass, field

from selfrec.histories import Histories
from selfrec.pipeline.measure import Measured
from selfrec.pipeline.parts import Part
from selfrec.pipeline.recency import EVEN, Recency


@dataclass
class Stage:
    """One row of the stage table."""

    name: str
    metrics: dict[str, float]
    seconds: float
    """Time since the row before: what was trained for it, and measuring."""
    kept: bool = False


@dataclass
class Chosen:
    """The pipeline as it stands: the parts kept so far, their weights and how well they rank."""

    extractors: list[Part] = field(default_factory=list)
    generators: list[Part] = field(default_factory=list)
    weights: list[float] = field(default_factory=list)
    recency: Recency = EVEN
    """How much old items of a history count beside new ones."""
    ranker: Part | None = None
    measured: Measured | None = None
    benched: list[Part] = field(default_factory=list)
    """Generators that were tried and did not win a place while none was kept."""
    generated: Histories | None = None
    """Generated histories that the extractors were trained on as well."""

    @property
    def parts(self) -> list[Part]:
        """All parts, extractors first. Two faces of one module are two parts."""
        return [*self.extractors, *self.generators, *([self.ranker] if self.ranker else [])]
