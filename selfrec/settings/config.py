"""From a preset, a TOML file and `-o` overrides to the one configuration. Later ones win."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from os import PathLike
from pathlib import Path
from typing import Any

from selfrec.errors import SettingsError, one_line
from selfrec.settings.presets import DEFAULT, PRESETS
from selfrec.settings.tables import Config, PartTables
from selfrec.settings.validation import SettingsT, suggestion, validated

Table = dict[str, Any]

PART_TABLES = {"extractor": "extractors", "generator": "generators", "ranker": "ranker"}
"""The table of each kind's options, and the pipeline option that names the parts of that kind."""


def load_config(
    path: str | PathLike[str] | None = None,
    *,
    preset: str | None = None,
    overrides: Iterable[str] = (),
    seed: int | None = None,
    source: Mapping[str, Any] | None = None,
) -> Config:
    """The configuration: the preset's options, then the file's, then `name=value` overrides, then the arguments.

    overrides hold dotted names: `generator.gan.epochs=20`. A value is read as TOML, else taken as text; `none`
    unsets an option that may be unset. source holds options of the table [source].
    The preset is the argument's, the overrides', the file's, or `default`, whichever is found first.

    Raises SettingsError when a file, a name or a value is wrong.
    """
    own: Table = {} if path is None else read_toml(Path(path))
    for override in overrides:
        own = merged(own, parse_override(override))
    if seed is not None:
        own = merged(own, {"seed": seed})
    if source:
        own = merged(own, {"source": dict(source)})
    if preset is not None:
        own = merged(own, {"preset": preset})
    _check_tables(own)
    values = merged(_preset(own.get("preset", DEFAULT)), own)
    config = validated(Config, values)
    return _without_strays(config, own)


def changed(settings: SettingsT, given: Mapping[str, Any], where: str) -> SettingsT:
    """The settings with some options given anew. Raises SettingsError."""
    return validated(type(settings), {**settings.model_dump(), **given}, where) if given else settings


def read_toml(path: Path) -> Table:
    """The tables of a TOML file."""
    try:
        # Some editors begin a file with a mark of its encoding.
        return tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(
            f"configuration {str(path)!r} cannot be read ({one_line(error)}); `selfrec init` writes one"
        ) from error
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"configuration {str(path)!r} is not TOML: {one_line(error)}; mend that line") from error


def parse_override(text: str) -> Table:
    """`generator.gan.epochs=20` as nested tables."""
    name, equals, value = text.partition("=")
    if not equals or not name.strip():
        raise SettingsError(f"override {text!r} is not name=value; write it like -o generator.gan.epochs=20")
    try:
        nested = tomllib.loads(f"{name.strip()} = 0")
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(
            f"override {text!r}: {name.strip()!r} is no option name; write it like -o generator.gan.epochs=20"
        ) from error
    _innermost(nested, toml_value(value.strip()))
    return nested


def toml_value(text: str) -> Any:
    """A value as TOML reads it, or the text itself where TOML cannot."""
    try:
        table = tomllib.loads(f"value = {text}")
    except tomllib.TOMLDecodeError:
        return text
    return table["value"] if len(table) == 1 else text


def table_of(name: str, value: Any) -> Table:
    """An option by its dotted name, as nested tables."""
    for word in reversed(name.split(".")):
        value = {word: value}
    table: Table = value
    return table


def merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> Table:
    """Both tables in one; where both set an option, `above` wins."""
    result = dict(below)
    for name, value in above.items():
        old = result.get(name)
        if isinstance(old, Mapping) and isinstance(value, Mapping):
            value = merged(old, value)
        result[name] = value
    return result


def named_parts(config: Config, kind: str) -> tuple[str, ...]:
    """What the pipeline names for a kind of part: names, or `label:name`."""
    named = getattr(config.pipeline, PART_TABLES[kind])
    if named is None:
        return ()
    return (named,) if isinstance(named, str) else tuple(named)


def label_and_name(part: str) -> tuple[str, str]:
    """`label:name` -> (label, name); a plain name is its own label."""
    label, _, name = part.partition(":")
    return label, name or label


def part_table(config: Config, kind: str, label: str) -> Mapping[str, Any]:
    """The table [kind.label]: the options of a part."""
    tables: PartTables = getattr(config, kind)
    return tables.get(label, {})


def _preset(name: Any) -> Mapping[str, Any]:
    if not isinstance(name, str) or name not in PRESETS:
        raise SettingsError(f"unknown preset {name!r}; {suggestion(str(name), PRESETS)}")
    return PRESETS[name].settings


def _innermost(nested: Table, value: Any) -> None:
    (name,) = nested
    if isinstance(nested[name], dict):
        _innermost(nested[name], value)
    else:
        nested[name] = value


def _check_tables(own: Table) -> None:
    """Part options must be two tables deep; pydantic's own words for it would puzzle."""
    for kind in PART_TABLES:
        tables = own.get(kind, {})
        parts = tables.values() if isinstance(tables, dict) else [tables]
        if any(not isinstance(part, dict) for part in parts):
            raise SettingsError(f"[{kind}] holds an option without a part; write it under [{kind}.NAME]")


def _without_strays(config: Config, own: Table) -> Config:
    """Options of parts outside the pipeline: an error where the user set them, dropped where the preset did."""
    kept = {}
    for kind, option in PART_TABLES.items():
        labels = [label_and_name(part)[0] for part in named_parts(config, kind)]
        for label in own.get(kind, {}):
            if label not in labels:
                raise SettingsError(
                    f"[{kind}.{label}] sets options of a part that pipeline.{option} does not name; "
                    + _next_step(option, label, named_parts(config, kind))
                )
        kept[kind] = {label: table for label, table in getattr(config, kind).items() if label in labels}
    return config.model_copy(update=kept)


def _next_step(option: str, label: str, parts: Iterable[str]) -> str:
    """What to do about options of the part `label`: a name mistyped, or one that the pipeline lacks."""
    told = suggestion(label, (label_and_name(part)[0] for part in parts))
    if told.startswith("did you mean"):
        return told
    named = label if option == "ranker" else ",".join([*parts, label])
    return f"name it (-o pipeline.{option}={named}), or take the table out"
