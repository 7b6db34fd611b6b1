"""Numbers that a plugin gives: whole ones, or an error with the line that they come from."""

from __future__ import annotations

import operator
import threading
from typing import Any

from selfrec.errors import PluginError
from selfrec.host.plugin_lines import line_now, option_line
from selfrec.pipeline.parts import Part
from selfrec.settings.base import EpochOptions


def whole(value: Any, what: str, part: Part, *, least: int | None = None) -> int:
    """A whole number that the part's trainer hands in. Raises PluginError for anything else, or less than `least`."""
    try:
        number = operator.index(value)
    except TypeError:
        number = None
    if number is None or (least is not None and number < least):
        where = line_now(threading.get_ident(), part.record)
        more = "" if least is None else f", {least} or more"
        raise PluginError(f"{part.name}: {what} is {value!r}{where}; the contract wants a whole number{more}")
    return number


def check_epoch_options(part: Part) -> None:
    """Raises PluginError where the shared loop finds text or the like in the place of a number."""
    for name, field in EpochOptions.model_fields.items():
        value = getattr(part.options, name)
        wanted = "whole number" if field.annotation is int else "number"
        if isinstance(value, bool) or not isinstance(value, int if field.annotation is int else int | float):
            raise PluginError(
                f"{part.name}: option {name!r} is {value!r}{option_line(type(part.options), name)}; the shared loop "
                f"wants a {wanted}: declare it as {getattr(field.annotation, '__name__', wanted)}"
            )


def epochs_told(part: Part) -> int:
    """How many epochs its options tell of; 0 where they tell of none, or not in numbers."""
    told = getattr(part.options, "epochs", None)
    return told if isinstance(told, int) else 0
