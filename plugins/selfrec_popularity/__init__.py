"""Popularity as a generator: everyone gets what most users chose lately. The baseline, and a model in closed form."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from selfrec.plugin import Generator, Sizes, hookimpl
from selfrec_popularity.options import PopularityOptions

if TYPE_CHECKING:
    from selfrec.plugin import Fitting
    from selfrec_popularity.module import Popularity


def build(options: PopularityOptions, sizes: Sizes) -> Popularity:
    """The module, untrained. torch is imported here, not at start-up."""
    from selfrec_popularity.module import Popularity

    return Popularity(sizes.items, options.length_exponent)


def train(module: Popularity, fitting: Fitting) -> None:
    """Fill in the popularity of the training rows; an epoch tries a half-life."""
    from selfrec_popularity.training import fill_in

    fill_in(module, fitting)


@hookimpl
def selfrec_generators() -> Iterator[Generator]:
    """The generator `popularity`."""
    yield Generator(
        name="popularity",
        summary="The same scores for everyone: the time-decayed number of users who chose each item.",
        options=PopularityOptions,
        build=build,
        trainer=train,
        excused={"learns_the_checkerboard": "the same list for everyone cannot tell users apart"},
    )
