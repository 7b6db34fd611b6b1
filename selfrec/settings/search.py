"""What a search may try for an option: declared on the option's field, beside its bounds and its description."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic_core import to_jsonable_python

from selfrec.settings.base import Settings
from selfrec.settings.validation import is_table

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
    """The searched options of the table `where`, and of the tables in it, but for those that are given: what a user
    sets stays as it is.
    """
    found = []
    for name, field in options.model_fields.items():
        extra, own = field.json_schema_extra, given.get(name)
        if is_table(field.annotation):
            inner = own if isinstance(own, Mapping) else {}
            found += dimensions_of(field.annotation, f"{where}.{name}", inner)
        elif isinstance(extra, Mapping) and KEY in extra and name not in given:
            # As a configuration file would have them: a member of an enum is its value.
            found.append(Dimension(f"{where}.{name}", tuple(to_jsonable_python(extra[KEY]))))
    return found


def in_short(options: Mapping[str, Any]) -> str:
    """Options by the names of part and option: `gan.dropout 0.3, slim.l2 10.0`; `as they stand` for none."""
    return ", ".join(f"{name.partition('.')[2]} {value}" for name, value in options.items()) or "as they stand"
