"""A configuration written down and read again."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from selfrec.settings.config import load_config
from selfrec.settings.dump import config_toml

OVERRIDES = [
    "seed=7",
    "generator.gan.epochs=20",
    "pipeline.extractors=autoencoder",
    "pipeline.generators=autoencoder,gan",
    "cleaning.max_events_robust=none",
    'source.user_column="who; \\"me\\""',
    "events.view=1",
    'events."add to cart"=3',
]


@pytest.mark.parametrize("preset", ["default", "classic"])
def test_it_is_the_same_configuration_again(preset: str, tmp_path: Path) -> None:
    config = load_config(preset=preset, overrides=OVERRIDES)
    path = tmp_path / "selfrec.toml"
    path.write_text(config_toml(config, ["found in 3 trials"]))
    assert load_config(path) == config


def test_only_what_differs_is_written() -> None:
    text = config_toml(load_config(overrides=["seed=7", "extractor.autoencoder.width=32"]), ["why"])
    assert text == '# why\npreset = "default"\nseed = 7\n\n[extractor.autoencoder]\nwidth = 32\n'
    assert tomllib.loads(text)["extractor"]["autoencoder"]["width"] == 32
