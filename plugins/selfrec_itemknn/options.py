"""Options of ItemKNN and SLIM."""

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
        le=1e9,
        json_schema_extra=searched(3.0, 10.0, 30.0),
        description="Added to the divisor of the cosine, so that few shared users are not taken for much.",
    )
    exponent: float = Field(
        2.0, gt=0, le=10, description="Power of the cosine; the higher, the more the nearest stand out."
    )
    popularity_exponent: float = Field(
        0.25, ge=-2, le=2, description="An item of p users in a history counts p ^ -this: what many have says little."
    )


class SlimOptions(PartOptions):
    """Which items speak for an item, and how they are weighed against each other."""

    neighbours: int | None = Field(
        None,
        ge=1,
        le=1000,
        description="Items that each item of a history adds to. Each costs a user 20 to 35 ns an item of the history. "
        "Unset: as many, up to 40, as take a quarter of the time of the autoencoder's product: few on small "
        "catalogs with long histories, many on large ones with short.",
    )
    support: int = Field(
        50,
        ge=1,
        le=1000,
        description="At least so many items are weighed against each other for each item (as `neighbours`, where that "
        "is more; fewer where the systems of a large catalog have no room). What is then said is cut to `neighbours`. "
        "Fitting takes M^3 / 3 multiplications an item.",
    )
    shrink: float = Field(
        10.0,
        ge=0,
        le=1e9,
        description="Added to the divisor of the cosine by which items are near, so that few shared users are not "
        "taken for much.",
    )
    l2: float = Field(
        10.0, gt=0, le=1e9, json_schema_extra=searched(3.0, 10.0, 30.0), description="lambda of the ridge, in users."
    )
    dropout: float = Field(
        0.5, ge=0, lt=1, description="p: as if each item of a history were left out with this probability (EDLAE)."
    )
    target_exponent: float = Field(
        0.25,
        ge=-2,
        le=2,
        description="What is said of an item of p users counts p ^ -this: common items score high by themselves.",
    )
