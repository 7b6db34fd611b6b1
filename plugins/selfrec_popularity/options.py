"""Options of the popularity generator."""

from __future__ import annotations

from pydantic import Field

from selfrec.plugin import PartOptions


class PopularityOptions(PartOptions):
    """How popularity becomes a score."""

    exponent: float = Field(
        1.0,
        gt=0,
        le=10,
        description="Power of an item's popularity as a share of the most popular one's; above 1 favours the few at "
        "the top more, below 1 less.",
    )
    half_life_days: float | None = Field(
        None,
        gt=0,
        description="Days after which a choice counts half. Unset: what pipeline.popularity_half_life_days is or comes "
        "to.",
    )
    length_exponent: float = Field(
        0.0,
        ge=0,
        le=4,
        description="The scores of a user of n history items are divided by n ^ this: popularity for those of whom "
        "little is known. 0: the same for everyone.",
    )
