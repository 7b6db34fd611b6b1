"""The autoencoder: its encoder gives features, its decoder a score for every item."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from selfrec.plugin import FeatureExtractor, Generator, Sizes, hookimpl
from selfrec_autoencoder.options import AutoencoderOptions

if TYPE_CHECKING:
    from selfrec.plugin import Fitting, Histories
    from selfrec_autoencoder.deep import DeepAutoencoder
    from selfrec_autoencoder.linear import LinearAutoencoder


def build(options: AutoencoderOptions, sizes: Sizes) -> LinearAutoencoder | DeepAutoencoder:
    """The module, untrained; both faces share it. torch is imported here, not at start-up."""
    if options.objective in ("multinomial", "squared_error"):
        from selfrec_autoencoder.deep import DeepAutoencoder

        return DeepAutoencoder(options, sizes)
    from selfrec_autoencoder.linear import LinearAutoencoder

    return LinearAutoencoder(options, sizes)


def train(module: LinearAutoencoder | DeepAutoencoder, fitting: Fitting) -> None:
    """Train encoder and decoder together."""
    from selfrec_autoencoder.training import train_autoencoder

    train_autoencoder(module, fitting)


def in_effect(options: AutoencoderOptions, histories: Histories) -> dict[str, Any]:
    """What of the options trains it on these rows."""
    from selfrec_autoencoder.effect import effect_of

    return effect_of(options, histories)


@hookimpl
def selfrec_feature_extractors() -> Iterator[FeatureExtractor]:
    """The encoder."""
    yield FeatureExtractor(
        name="autoencoder",
        summary="Encoder of an autoencoder over histories: a code of the user's taste.",
        options=AutoencoderOptions,
        build=build,
        trainer=train,
        in_effect=in_effect,
    )


@hookimpl
def selfrec_generators() -> Iterator[Generator]:
    """The decoder."""
    yield Generator(
        name="autoencoder",
        summary="Decoder of the same autoencoder: from the code to a score for every item.",
        options=AutoencoderOptions,
        build=build,
        trainer=train,
        in_effect=in_effect,
    )
