"""Each item of a history speaks for few others: for those that share most users with it (ItemKNN), or for those that
it predicts best among the nearest (SLIM, solved by ridge regressions). One table, filled in two ways.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from selfrec.plugin import Generator, Sizes, hookimpl
from selfrec_itemknn.options import ItemKnnOptions, SlimOptions

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


def build_slim(options: SlimOptions, sizes: Sizes) -> ItemKnn:
    """The same module, untrained; where the neighbours are not given, the trainer makes room for them."""
    from selfrec_itemknn.module import ItemKnn

    return ItemKnn(sizes.items, options.neighbours or 1)


def train_slim(module: ItemKnn, fitting: Fitting) -> None:
    """Solve for the strengths, in one epoch."""
    from selfrec_itemknn.ridge import fit_slim

    fit_slim(module, fitting)


@hookimpl
def selfrec_generators() -> Iterator[Generator]:
    """The generators `itemknn` and `slim`."""
    yield Generator(
        name="itemknn",
        summary="ItemKNN: the nearest items of each history item, by the users they share. What low rank cannot hold.",
        options=ItemKnnOptions,
        build=build,
        trainer=train,
    )
    yield Generator(
        name="slim",
        summary="SLIM: for each item, ridge weights of the items nearest to it. What low rank cannot hold, at a price.",
        options=SlimOptions,
        build=build_slim,
        trainer=train_slim,
    )
