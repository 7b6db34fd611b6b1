"""Options of ItemKNN."""

from __future__ import annotations

from pydantic import Field

from selfrec.plugin import PartOptions, searched


class ItemKnnOptions(PartOptions):
    """Which items are near, and how much they say."""

    neighbours: int = Field(
        6,
        ge=1,
        le=1000,
        description="Items that each item of a history adds to: the few that an autoencoder's width has no room for.",
    )
    shrink: float = Field(
        10.0,
        ge=0,
        json_schema_extra=searched(3.0, 10.0, 30.0),
        description="Added to the divisor of the cosine, so that few shared users are not taken for much.",
    )
    exponent: float = Field(
        2.0, gt=0, le=10, description="Power of the cosine; the higher, the more the nearest stand out."
    )
    popularity_exponent: float = Field(
        0.25, ge=-2, le=2, description="An item of p users in a history counts p ^ -this: what many have says little."
    )
