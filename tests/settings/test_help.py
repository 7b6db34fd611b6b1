"""What settings classes say of themselves, and the commented file made from it."""

from __future__ import annotations

import re
import tomllib
from typing import Literal

import pytest
from pydantic import Field

from selfrec.host.validation import undocumented
from selfrec.settings.base import EpochOptions, PartOptions, Settings
from selfrec.settings.config import load_config
from selfrec.settings.help import Option, options_of, toml
from selfrec.settings.presets import PRESETS
from selfrec.settings.tables import Config
from selfrec.settings.template import commented_config


class Inner(Settings):
    depth: int = Field(2, ge=1, le=1_000_000, description="Depth.")


class Outer(PartOptions):
    name: str = Field(min_length=1, description="Name.")
    rate: float | None = Field(None, gt=0, lt=0.5, description="Rate.")
    kind: Literal["a", "b"] = Field("a", description="Kind.")
    widths: tuple[int, ...] = Field((8, 4), description="Widths.")
    weight: float | Literal["drop"] = Field(1.0, description="Weight.")
    by_name: dict[str, float] = Field(default_factory=dict, description="By name.")
    on: bool = Field(True, description="On.")
    inner: Inner = Field(default_factory=Inner, description="Inner.")


def test_options_read_as_a_person_would_write_them() -> None:
    assert options_of(Outer) == [
        Option("name", "text", "required", "not empty", "Name."),
        Option("rate", "number", "unset", "> 0, < 0.5", "Rate."),
        Option("kind", "a | b", '"a"', "", "Kind."),
        Option("widths", "list of integer", "[8, 4]", "", "Widths."),
        Option("weight", "number or drop", "1.0", "", "Weight."),
        Option("by_name", "table of number", "{}", "", "By name."),
        Option("on", "true or false", "true", "", "On."),
        Option("inner.depth", "integer", "2", ">= 1, <= 1,000,000", "Depth."),
    ]


def test_every_option_of_selfrec_is_described() -> None:
    assert undocumented(Config) == []
    assert undocumented(EpochOptions) == []


@pytest.mark.parametrize("value", [1, 1.5, True, "a \"b\" 'c' é\\", [1, 2], ["x"], {"a b": 1.0}, {}])
def test_toml_is_read_back(value: object) -> None:
    assert tomllib.loads(f"x = {toml(value)}") == {"x": value}


@pytest.mark.parametrize("preset", sorted(PRESETS))
def test_the_commented_file_changes_nothing(preset: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    text = commented_config(preset, [("generator.tiny", "A test.", EpochOptions)])
    path = tmp_path_factory.mktemp("init") / "selfrec.toml"
    path.write_text(text)
    assert load_config(path) == load_config(preset=preset)
    assert max(map(len, text.splitlines())) <= 100
    assert "\n\n\n" not in text
    for option in options_of(Config):
        if option.name not in ("events", "extractor", "generator", "ranker"):
            assert re.search(rf"^(# )?{option.name.rpartition('.')[2]} = ", text, re.MULTILINE), option.name


def test_every_line_of_the_commented_file_can_be_uncommented(tmp_path_factory: pytest.TempPathFactory) -> None:
    text = commented_config("default")
    lines = [re.sub(r"^# (\w+ = (?!\.\.\.))", r"\1", line) for line in text.splitlines()]
    path = tmp_path_factory.mktemp("init") / "selfrec.toml"
    path.write_text("\n".join(lines))
    config = load_config(path)
    assert config.events == {"view": 1.0, "purchase": 5.0}
    assert config.cleaning == load_config().cleaning
