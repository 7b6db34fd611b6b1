"""A conditional generative adversarial network as a generator of preferences (after CFGAN, Chae et al. 2018)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from selfrec.plugin import Generator, Sizes, hookimpl
from selfrec_gan.options import GanOptions

if TYPE_CHECKING:
    from selfrec.plugin import Fitting
    from selfrec_gan.module import PreferenceGenerator


def build(options: GanOptions, sizes: Sizes) -> PreferenceGenerator:
    """The generator network; its adversary lives in the trainer alone. torch is imported here, not at start-up."""
    from selfrec_gan.module import PreferenceGenerator

    return PreferenceGenerator(options, sizes)


def train(module: PreferenceGenerator, fitting: Fitting) -> None:
    """Train generator and discriminator in turn."""
    from selfrec_gan.training import train_in_turn

    train_in_turn(module, fitting)


@hookimpl
def selfrec_generators() -> Iterator[Generator]:
    """The generator `gan`."""
    yield Generator(
        name="gan",
        summary="A network that imagines the whole history from the part it sees, against one that tells real "
        "histories from imagined ones.",
        options=GanOptions,
        build=build,
        trainer=train,
    )
