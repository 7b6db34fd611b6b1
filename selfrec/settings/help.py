"""What a settings class says of its options, for help texts, pages and the commented file. Declared nowhere else."""

from __future__ import annotations

import json
import types
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, Union, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt, MaxLen, MinLen
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from selfrec.settings.base import Settings, members
from selfrec.settings.validation import is_table

_WORDS = {int: "integer", float: "number", str: "text", bool: "true or false", Any: "any"}


@dataclass(frozen=True)
class Option:
    """One option as a person reads it."""

    name: str
    """Dotted, when the option is in a table of the class."""
    type: str
    default: str
    """As TOML, or "unset", or "required"."""
    range: str
    """The bounds of a number, or empty."""
    description: str


def options_of(model: type[Settings], prefix: str = "") -> list[Option]:
    """Every option of a settings class in the order of its declaration, nested tables in place."""
    return list(_options(model, prefix))


def _options(model: type[Settings], prefix: str) -> Iterator[Option]:
    for name, field in model.model_fields.items():
        if is_table(field.annotation):
            yield from _options(field.annotation, f"{prefix}{name}.")
        else:
            yield option_of(f"{prefix}{name}", field)


def option_of(name: str, field: FieldInfo) -> Option:
    """What one field says of itself."""
    default = field.get_default(call_default_factory=True)
    shown = "required" if default is PydanticUndefined else toml(default)
    return Option(name, type_words(field.annotation), shown, range_words(field), field.description or "")


def type_words(annotation: Any) -> str:
    """A type in words: `integer`, `sum | log`, `list of text`."""
    origin = get_origin(annotation)
    if origin in (Union, types.UnionType):
        return " or ".join(type_words(member) for member in members(annotation) if member is not type(None))
    if origin is Literal:
        return " | ".join(str(value) for value in get_args(annotation))
    if origin in (tuple, list):
        return f"list of {type_words(get_args(annotation)[0])}"
    if origin is dict:
        return f"table of {type_words(get_args(annotation)[1])}"
    if isinstance(annotation, type) and annotation not in _WORDS:
        return annotation.__name__
    return _WORDS[annotation]


def range_words(field: FieldInfo) -> str:
    """The bounds in words: `>= 1, <= 100`."""
    signs = {Ge: (">=", "ge"), Gt: (">", "gt"), Le: ("<=", "le"), Lt: ("<", "lt")}
    words = []
    for bound in field.metadata:
        if type(bound) in signs:
            sign, attribute = signs[type(bound)]
            number = getattr(bound, attribute)
            words.append(f"{sign} {int(number) if number == int(number) else number:,}")
        elif isinstance(bound, MinLen) and bound.min_length == 1:
            words.append("not empty")
        elif isinstance(bound, MaxLen):
            words.append(f"at most {bound.max_length} long")
    return ", ".join(words)


def toml(value: Any) -> str:
    """A value as TOML writes it; None, which TOML lacks, as "unset"."""
    if value is None:
        return "unset"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, (tuple, list)):
        return "[" + ", ".join(toml(item) for item in value) + "]"
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{toml(key)} = {toml(item)}" for key, item in value.items()) + " }" if value else "{}"
    return str(value)
