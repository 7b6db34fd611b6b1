"""From pydantic's errors to one line that names the option, the value and the next step."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, TypeGuard, TypeVar, get_args, get_origin

from pydantic import ValidationError

from selfrec.errors import SettingsError
from selfrec.settings.base import Settings, half_a_list

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

SettingsT = TypeVar("SettingsT", bound=Settings)

_LISTS = ("tuple_type", "list_type", "set_type", "frozen_set_type")

_PLAIN = {
    "too_short": "should have {min_length} or more of them",
    "string_too_short": "should have {min_length} or more characters",
    "float_parsing": "should be a number",
    "int_parsing": "should be a whole number",
    "bool_parsing": "should be true or false",
    "dict_type": "should be a table of names and values",
    "model_type": "should be a table of names and values",
    "string_type": "should be text",
    **dict.fromkeys(_LISTS, "should be a list, such as [64] or a,b"),
}
"""For those of pydantic's own words that speak of Python, by the type of error."""


def suggestion(name: str, known: Iterable[str]) -> str:
    """The next step after an unknown name: the nearest known one, or all of them."""
    names = sorted(known)
    near = difflib.get_close_matches(name, names, n=1, cutoff=0.6)
    if near:
        return f"did you mean {near[0]!r}?"
    return "known: " + (", ".join(names) or "none")


def validated(
    model: type[SettingsT], values: Mapping[str, Any], where: str = "", *, flags: Mapping[str, str] | None = None
) -> SettingsT:
    """The settings with these values; `where` is the dotted name of the table they stand in.

    flags: what options are called where they are typed (-k), in the place of their names.

    Raises SettingsError for the first value that is wrong.
    """
    try:
        return model.model_validate(dict(values))
    except ValidationError as error:
        raise SettingsError(_sentence(error.errors(include_url=False), model, where, flags or {})) from error


def is_table(annotation: Any) -> TypeGuard[type[Settings]]:
    """Whether a field of this type is a table of its own."""
    return isinstance(annotation, type) and issubclass(annotation, Settings)


def _sentence(details: list[ErrorDetails], model: type[Settings], where: str, flags: Mapping[str, str]) -> str:
    first = details[0]
    table, option = _place(first, model, where)
    if first["type"] == "extra_forbidden":
        return f"unknown option {option!r}; {suggestion(option.rpartition('.')[2], table.model_fields)}"
    if first["type"] == "missing":
        return f"option {option!r} is missing; set it in the configuration file or with -o {option}=..."
    # A union has an error a member; together they say what is allowed. A list of wrong members is called too short too.
    same = [detail for detail in details if _place(detail, model, where)[1] == option]
    message = " or ".join(_wanted(detail) for detail in same if detail is first or detail["type"] != "too_short")
    return f"option {flags.get(option, option)!r} is {first['input']!r}: {message}; give it another value"


def _wanted(detail: ErrorDetails) -> str:
    """What the value should be."""
    given = detail["input"]
    if isinstance(given, str) and half_a_list(given) and detail["type"] in _LISTS:
        return _half_a_list(given.strip())
    plain = _PLAIN.get(detail["type"])
    if plain is not None:
        return plain.format_map(detail.get("ctx", {}))
    return detail["msg"].removeprefix("Value error, ").removeprefix("Input ")


def _half_a_list(text: str) -> str:
    wrong = (
        "has [ without ]"
        if not text.endswith("]")
        else "has ] without ["
        if not text.startswith("[")
        else "is no list of TOML, where texts stand in quotes"
    )
    return f'{wrong}, and a list is a,b or ["a", "b"]'


def _place(detail: ErrorDetails, model: type[Settings], where: str) -> tuple[type[Settings], str]:
    """The table an error is in and the option's dotted name, without the union members pydantic appends."""
    table = model
    annotation: Any = model
    path = [where] if where else []
    for part in detail["loc"]:
        if is_table(annotation):
            table = annotation
            field = table.model_fields.get(str(part))
            annotation = field.annotation if field else None
        elif get_origin(annotation) is dict:
            annotation = get_args(annotation)[1]
        elif get_origin(annotation) in (list, tuple) and is_table(get_args(annotation)[0]):
            annotation = get_args(annotation)[0]
        else:
            break
        path.append(str(part))
    return table, ".".join(path)
