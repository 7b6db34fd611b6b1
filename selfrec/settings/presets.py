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


SHORT = "short:popularity"
"""Popularity a second time, the more of it the shorter a history is: of a user of one item little is known."""

_FOR_SHORT = {"short": {"length_exponent": 1.0}}

_PARTS = ["autoencoder", "itemknn", "slim", "popularity", SHORT]

_ALL = (
    Preset(
        DEFAULT,
        "The most accurate pipeline that costs one gather and one matrix product a user: an autoencoder, and where "
        "they help what each item of a history says of few others, recent popularity, and less weight for older items.",
        {
            "pipeline": {"extractors": ["autoencoder"], "generators": _PARTS},
            "generator": _FOR_SHORT,
        },
    ),
    Preset(
        "full",
        "Every stage: the default, then a GAN and an MLP ranker, each kept only if it makes the lists better.",
        {
            "pipeline": {
                "extractors": ["autoencoder"],
                "generators": [*_PARTS, "gan"],
                "ranker": "mlp",
            },
            "generator": _FOR_SHORT,
        },
    ),
    Preset(
        "fast",
        "The same with a narrower autoencoder, fewer users to choose on, and a refit that goes on from the chosen "
        "weights: a little accuracy for a smaller and quicker model.",
        {
            "training": {"refit_by": "continuing", "validation_users": 2000},
            "pipeline": {"extractors": ["autoencoder"], "generators": _PARTS},
            "extractor": {"autoencoder": {"width": 64}},
            "generator": _FOR_SHORT,
        },
    ),
    Preset(
        "classic",
        "The textbook pipeline: autoencoder, GAN on its features, MLP ranker, every formula as printed.",
        {
            "pipeline": {
                "extractors": ["autoencoder"],
                "generators": ["autoencoder", "gan"],
                "ranker": "mlp",
                "recency": "none",
            },
            "extractor": {
                "autoencoder": {
                    "objective": "squared_error",
                    "epochs": 30,
                    "learning_rate": 0.005,
                    "dropout": 0.0,
                }
            },
            "generator": {
                "gan": {
                    "noise": 16,
                    "batch_norm": True,
                    "condition": "features",
                    "cosine": False,
                    "skip": False,
                    "start": "random",
                    "condition_dropout": 0.0,
                    "adversarial": 1.0,
                    "adversarial_loss": "minimax",
                    "mask_share": 1.0,
                    "zero_reconstruction": 0.0,
                    "softmax": 0.0,
                }
            },
            "ranker": {"mlp": {"textbook": True, "loss": "pointwise"}},
        },
    ),
)

PRESETS: Mapping[str, Preset] = MappingProxyType({preset.name: preset for preset in _ALL})
