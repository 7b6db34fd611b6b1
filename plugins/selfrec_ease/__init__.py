"""EASE (Steck 2019): a linear autoencoder between items, in closed form. Accurate and quick on small catalogs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from selfrec.plugin import Generator, PluginError, Sizes, hookimpl
from selfrec_ease.options import EaseOptions

if TYPE_CHECKING:
    from selfrec.plugin import Fitting
    from selfrec_ease.module import Ease


def build(options: EaseOptions, sizes: Sizes) -> Ease:
    """The module, untrained. torch is imported here, not at start-up.

    Raises PluginError where the catalog is larger than `max_items`.
    """
    if sizes.items > options.max_items:
        raise PluginError(
            f"a catalog of {sizes.items:,} items needs {sizes.items**2:,} weights, max_items is {options.max_items:,}; "
            "leave ease out of pipeline.generators or raise it"
        )
    from selfrec_ease.module import Ease

    return Ease(sizes.items)


def train(module: Ease, fitting: Fitting) -> None:
    """Solve for the weights; an epoch tries a ridge."""
    from selfrec_ease.training import solve

    solve(module, fitting)


@hookimpl
def selfrec_generators() -> Iterator[Generator]:
    """The generator `ease`."""
    yield Generator(
        name="ease",
        summary="EASE: a weight from every item to every other, in closed form. The graph holds all N x N of them.",
        options=EaseOptions,
        build=build,
        trainer=train,
    )
