"""A configuration as the shortest selfrec.toml that gives it again: what differs from the preset."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from selfrec.settings.config import load_config
from selfrec.settings.help import toml
from selfrec.settings.tables import Config


def config_toml(config: Config, head: Iterable[str] = ()) -> str:
    """The text of the file; `head` are lines of comment above it."""
    values = config.model_dump(mode="json")
    usual = load_config(preset=config.preset).model_dump(mode="json")
    changed = {name: value for name, value in _differences(values, usual).items() if name != "preset"}
    lines = [*(f"# {line}".rstrip() for line in head), f"preset = {toml(config.preset)}"]
    lines += [f"{name} = {_value(value)}" for name, value in changed.items() if not isinstance(value, Mapping)]
    for name, table in changed.items():
        if isinstance(table, Mapping):
            lines += _table(name, table)
    return "\n".join(lines) + "\n"


def _differences(values: Mapping[str, Any], usual: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in values.items():
        old = usual.get(name)
        if isinstance(value, Mapping):
            inner = _differences(value, old if isinstance(old, Mapping) else {})
            if inner:
                found[name] = inner
        elif value != old:
            found[name] = value
    return found


def _table(heading: str, table: Mapping[str, Any]) -> Iterator[str]:
    plain = {name: value for name, value in table.items() if not isinstance(value, Mapping)}
    if plain:
        yield ""
        yield f"[{heading}]"
        for name, value in plain.items():
            yield f"{_key(name)} = {_value(value)}"
    for name, value in table.items():
        if isinstance(value, Mapping):
            yield from _table(f"{heading}.{_key(name)}", value)


def _value(value: Any) -> str:
    return '"none"' if value is None else toml(value)


def _key(name: str) -> str:
    return name if name and all(c.isascii() and (c.isalnum() or c in "_-") for c in name) else toml(name)
