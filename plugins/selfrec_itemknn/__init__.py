"""ItemKNN: each item of a history speaks for the few items that share most users with it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from selfrec.plugin import Generator, Sizes, hookimpl
from selfrec_itemknn.options import ItemKnnOptions

if TYPE_CHECKING:
    from selfrec.plugin import Fitting
    from selfrec_itemknn.module import ItemKnn


def build(options: ItemKnnOptions, sizes: Sizes) -> ItemKnn:
    """The module, untrained. torch is imported here, not at start-up."""
    from selfrec_itemknn.module import ItemKnn

    return ItemKnn(sizes.items, options.neighbours)


def train(module: ItemKnn, fitting: Fitting) -> None:
    """Fill in the neighbours, in one epoch."""
    from selfrec_itemknn.training import fill_in

    fill_in(module, fitting)


@hookimpl
def selfrec_generators() -> Iterator[Generator]:
    """The generator `itemknn`."""
    yield Generator(
        name="itemknn",
        summary="ItemKNN: the nearest items of each history item, by the users they share. What low rank cannot hold.",
        options=ItemKnnOptions,
        build=build,
        trainer=train,
    )
