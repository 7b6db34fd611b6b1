"""Presets: named starting points, as plain data. A preset is merged under the user's own configuration."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

DEFAULT = "default"


@dataclass(frozen=True)
class Preset:
    """A name, what it is for, and the options it sets, written like selfrec.toml."""

    name: str
    summary: str
    settings: Mapping[str, Any]


_ALL = (
    Preset(
        DEFAULT,
        "The most accurate pipeline that costs one gather and one matrix product a user.",
        {
            "pipeline": {"extractors": ["autoencoder"], "generators": ["autoencoder"]},
        },
    ),
    Preset(
        "fast",
        "A narrower autoencoder: a little accuracy for a smaller and quicker model.",
        {
            "pipeline": {"extractors": ["autoencoder"], "generators": ["autoencoder"]},
        },
    ),
    Preset(
        "classic",
        "The textbook pipeline: autoencoder, GAN on its features, MLP ranker, every formula as printed.",
        {
            "pipeline": {"extractors": ["autoencoder"], "generators": ["gan"], "ranker": "mlp"},
        },
    ),
)

PRESETS: Mapping[str, Preset] = MappingProxyType({preset.name: preset for preset in _ALL})
