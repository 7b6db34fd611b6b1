"""What settings classes say of themselves, and the commented file made from it."""

from __future__ import annotations

import math
import re
import tomllib
from collections.abc import Callable, Mapping, Sequence
from datetime import date, timedelta
from enum import Enum
from pathlib import Path
from typing import Annotated, Literal

import pytest
from pydantic import Field

from selfrec.host.validation import check_fields
from selfrec.settings.base import EpochOptions, PartOptions, Settings
from selfrec.settings.config import load_config
from selfrec.settings.help import Option, options_of, toml
from selfrec.settings.presets import PRESETS
from selfrec.settings.tables import Config
from selfrec.settings.template import commented_config


class Inner(Settings):
    depth: int = Field(2, ge=1, le=1_000_000, description="Depth.")


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


class Deep(Settings):
    rate: float | None = Field(0.5, description="Rate.")
    inner: Inner = Field(default_factory=Inner, description="Inner.")


class Odd(PartOptions):
    """Options of types that few plugins have."""

    path: Path = Field(Path("/x"), description="A path.")
    day: date = Field(date(2024, 1, 1), ge=date(2000, 1, 1), description="A day.")
    wait: timedelta = Field(timedelta(seconds=1.5), description="A time.")
    colour: Colour = Field(Colour.RED, description="A colour.")
    some: set[int] = Field({1, 2}, description="A set | of # things\nin two lines.")
    words: frozenset[str] = Field(frozenset({"a"}), description="Words.")
    many: Sequence[int] = Field([1, 2], description="Many.")
    bare: list = Field([1], description="Anything.")
    by_number: Mapping[int, float] = Field({1: 2.0}, description="By number.")
    raw: bytes = Field(b"x", description="Bytes.")
    delete: str = Field('a\x7f"\\n', description="Hard to write.")
    below: float = Field(1e-8, lt=math.inf, description="Any number.")
    count: Annotated[int, Field(ge=1)] | None = Field(3, description="A count.")
    deep: Deep = Field(Deep(rate=0.25, inner=Inner(depth=7)), description="A table in it.")
    row: Deep | None = Field(Deep(rate=None), description="Perhaps a table.")
    rows: tuple[Inner, ...] = Field((Inner(depth=3),), description="Tables.")


class InCode(PartOptions):
    """Options whose defaults cannot stand in a file."""

    raw: bytes = Field(b"\xff", description="Bytes.")
    call: Callable[[int], int] = Field(abs, description="A function.")
    twice: int = Field(default_factory=lambda others: 2 * len(others["raw"]), description="Twice.")


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


def test_options_of_any_type_have_words() -> None:
    words = {option.name: (option.type, option.default, option.range) for option in options_of(Odd)}
    assert words["path"] == ("Path", '"/x"', "")
    assert words["day"] == ("date", '"2024-01-01"', ">= 2000-01-01")
    assert words["wait"] == ("timedelta", '"PT1.5S"', "")
    assert words["colour"] == ("red | blue", '"red"', "")
    assert words["some"] == ("list of integer", "[1, 2]", "")
    assert words["words"] == ("list of text", '["a"]', "")
    assert words["many"] == ("list of integer", "[1, 2]", "")
    assert words["bare"] == ("list", "[1]", "")
    assert words["by_number"] == ("table of number", '{ "1" = 2.0 }', "")
    assert words["below"] == ("number", "1e-08", "< inf")
    assert words["count"] == ("integer", "3", "")
    assert (words["deep.rate"][1], words["deep.inner.depth"][1]) == ("0.25", "7")
    assert words["row"][:2] == ("Deep", '{ "rate" = "none", "inner" = { "depth" = 2 } }')
    assert [option.default for option in options_of(InCode)] == ["set in code"] * 3


def test_every_option_of_selfrec_is_described() -> None:
    check_fields(Config, "selfrec")
    check_fields(EpochOptions, "selfrec")


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


@pytest.mark.parametrize("options", [Odd, InCode])
def test_options_of_any_type_are_taken_back_from_the_commented_file(options: type[PartOptions], tmp_path: Path) -> None:
    text = commented_config("default", [("generator.odd", "A test.", options)])
    lines = [re.sub(r"^# (\[.*\]$|[\w.]+ = (?!\.\.\.))", r"\1", line) for line in text.splitlines()]
    path = tmp_path / "selfrec.toml"
    path.write_text("\n".join(lines))
    written = load_config(path, overrides=["pipeline.generators=odd"]).generator.get("odd", {})
    assert len(written) == (0 if options is InCode else len(Odd.model_fields))
    assert options.model_validate(written) == options()
