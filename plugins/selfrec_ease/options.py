"""Options of EASE."""

from __future__ import annotations

from pydantic import Field

from selfrec.plugin import PartOptions


class EaseOptions(PartOptions):
    """How strongly the weights are held back, and how large a catalog may be."""

    ridge: float | None = Field(
        None,
        gt=0,
        le=1e9,
        description="lambda, added to the diagonal of X^T X. Unset: the one of several that hits most on the "
        "validation rows.",
    )
    max_items: int = Field(
        8000,
        ge=1,
        le=100_000,
        description="Largest catalog. Weights take 4 N^2 bytes of the graph, fitting 24 N^2 bytes of memory.",
    )
