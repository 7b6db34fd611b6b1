"""What is asked of one fit, beside its source, its configuration and the place of the model."""

from __future__ import annotations

from dataclasses import dataclass

from selfrec.source.side_places import NOWHERE, SidePlaces


@dataclass(frozen=True, kw_only=True)
class FitRequest:
    """With which side tables a model is fitted, and from where it goes on. Nothing given: the events alone, anew."""

    places: SidePlaces = NOWHERE
    """The tables beside the events."""
    resume: bool = False
    """Go on with a killed fit of the same source and configuration."""
    warm_start: str | None = None
    """A model whose weights to begin with, items matched by id."""
    wait: float = 0.0
    """Seconds to wait for a source that another process writes to."""


ANEW = FitRequest()
