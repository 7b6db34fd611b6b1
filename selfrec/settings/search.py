"""What a search may try for an option: declared on the option's field, beside its bounds and its description."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from selfrec.settings.base import Settings

KEY = "searched"
"""Where a field's JSON schema keeps the values."""


@dataclass(frozen=True)
class Dimension:
    """An option that is searched."""

    name: str
    """Dotted: extractor.autoencoder.dropout."""
    values: tuple[Any, ...]
    """What is tried, in order: neighbours are like each other."""


def searched(*values: Any) -> dict[str, Any]:
    """For `Field(..., json_schema_extra=searched(0.3, 0.5, 0.7))`: values that `--budget` and `selfrec tune` try."""
    if len(values) < 2:
        raise ValueError(f"searched{values!r}: a search needs at least two values")
    return {KEY: list(values)}


def dimensions_of(options: type[Settings], where: str, given: Mapping[str, Any]) -> list[Dimension]:
    """The searched options of the table `where`, but for those that are given: what a user sets stays as it is."""
    found = []
    for name, field in options.model_fields.items():
        extra = field.json_schema_extra
        if isinstance(extra, Mapping) and KEY in extra and name not in given:
            values: Any = extra[KEY]
            found.append(Dimension(f"{where}.{name}", tuple(values)))
    return found


def in_short(options: Mapping[str, Any]) -> str:
    """Options by the names of part and option: `gan.dropout 0.3, slim.l2 10.0`; `as they stand` for none."""
    return ", ".join(f"{'.'.join(name.split('.')[-2:])} {value}" for name, value in options.items()) or "as they stand"
