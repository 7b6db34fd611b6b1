"""What a settings class says of its options, for help texts, pages and the commented file. Declared nowhere else."""

from __future__ import annotations

import json
import math
import types
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt, MaxLen, MinLen
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined, to_jsonable_python

from selfrec.settings.base import UNSET, Settings, members
from selfrec.settings.validation import is_table

_WORDS = {int: "integer", float: "number", str: "text", bool: "true or false", Any: "any"}

IN_CODE = "set in code"
"""How a default reads that no configuration file can hold: an object, bytes that are no text."""


@dataclass(frozen=True)
class Option:
    """One option as a person reads it."""

    name: str
    """Dotted, when the option is in a table of the class."""
    type: str
    default: str
    """As TOML, or "unset", or "required", or "set in code"."""
    range: str
    """The bounds of a number, or empty."""
    description: str
    """In one line, however its code breaks it."""


def options_of(model: type[Settings], prefix: str = "") -> list[Option]:
    """Every option of a settings class in the order of its declaration, nested tables in place."""
    return list(_options(model, prefix))


def _options(model: type[Settings], prefix: str, table: Any = None) -> Iterator[Option]:
    """table is what stands there by default; it may have other values than its class."""
    for name, field in model.model_fields.items():
        default = getattr(table, name) if isinstance(table, model) else _default(field)
        if is_table(field.annotation):
            yield from _options(field.annotation, f"{prefix}{name}.", default)
        else:
            yield _option(f"{prefix}{name}", field, default)


def option_of(name: str, field: FieldInfo) -> Option:
    """What one field says of itself."""
    return _option(name, field, _default(field))


def _option(name: str, field: FieldInfo, default: Any) -> Option:
    told = " ".join((field.description or "").split())
    return Option(name, type_words(field.annotation), _default_words(default), range_words(field), told)


def _default(field: FieldInfo) -> Any:
    """The default; Ellipsis where only the plugin's code can make it, of other options for instance."""
    try:
        return field.get_default(call_default_factory=True)
    except Exception:
        return ...


def _default_words(default: Any) -> str:
    if default is PydanticUndefined:
        return "required"
    try:
        return toml(to_jsonable_python(default))
    except Exception:
        return IN_CODE


def type_words(annotation: Any) -> str:
    """A type in words: `integer`, `sum | log`, `list of text`; its plain name where there is no better word."""
    origin, inner = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return type_words(inner[0])
    if origin in (Union, types.UnionType):
        return " or ".join(type_words(member) for member in members(annotation) if member is not type(None))
    if origin is Literal:
        return " | ".join(str(value.value if isinstance(value, Enum) else value) for value in inner)
    if isinstance(origin, type) and inner:
        if issubclass(origin, Mapping):
            return f"table of {type_words(inner[-1])}"
        return f"list of {type_words(inner[0])}" if issubclass(origin, Iterable) else origin.__name__
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return " | ".join(str(member.value) for member in annotation)
    known = next((words for kind, words in _WORDS.items() if kind is annotation), None)
    return known or str(getattr(annotation, "__name__", annotation))


def range_words(field: FieldInfo) -> str:
    """The bounds in words: `>= 1, <= 100`."""
    signs = {Ge: (">=", "ge"), Gt: (">", "gt"), Le: ("<=", "le"), Lt: ("<", "lt")}
    words = []
    for bound in field.metadata:
        if type(bound) in signs:
            sign, attribute = signs[type(bound)]
            words.append(f"{sign} {_limit(getattr(bound, attribute))}")
        elif isinstance(bound, MinLen) and bound.min_length == 1:
            words.append("not empty")
        elif isinstance(bound, MaxLen):
            words.append(f"at most {bound.max_length} long")
    return ", ".join(words)


def _limit(bound: Any) -> str:
    """A number with its thousands apart, without a fraction of 0; anything else, as a date, as it prints."""
    if not isinstance(bound, (int, float)) or not math.isfinite(bound):
        return str(bound)
    return f"{int(bound) if bound == int(bound) else bound:,}"


def toml(value: Any) -> str:
    """A value as TOML writes it; None, which TOML lacks, as "unset", and within a list or a table as "none"."""
    if value is None:
        return "unset"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, (tuple, list)):
        return "[" + ", ".join(_inner(item) for item in value) + "]"
    if isinstance(value, Mapping):
        return (
            "{ " + ", ".join(f"{toml(key)} = {_inner(item)}" for key, item in value.items()) + " }" if value else "{}"
        )
    return str(value)


def _inner(value: Any) -> str:
    return toml(UNSET if value is None else value)
