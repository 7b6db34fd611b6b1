"""What to do about a part that failed: which options differ from their defaults, and where memory ran out."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from typing import Any

import torch

from selfrec.settings.base import PartOptions, Settings
from selfrec.settings.help import toml

SHOWN = 5
"""Most options that a message names."""

_NO_MEMORY = re.compile(r"can't allocate memory|not enough memory|out of memory", re.IGNORECASE)
_ASKED = re.compile(r"tried to allocate ([0-9]+ bytes|[0-9.]+ [KMGT]iB)", re.IGNORECASE)


def against_infinity(options: PartOptions, table: str) -> str:
    """The next step where training ended in NaN or infinity; `table` is the options' name in the configuration."""
    changed = [line for line, value, _ in _changed(options, table) if isinstance(value, float)]
    if changed:
        return _nearer(changed)
    by_steps = "learning_rate" in type(options).model_fields
    return "try a smaller learning rate" if by_steps else "look for a division by 0, or a logarithm or root of one"


def lack_of_memory(error: BaseException, options: PartOptions, table: str) -> str | None:
    """How much memory was asked for and what to do about it; None where the error is about something else."""
    told = str(error)
    short = isinstance(error, MemoryError | torch.OutOfMemoryError)
    if not short and not (isinstance(error, RuntimeError) and _NO_MEMORY.search(told)):
        return None
    amount = _ASKED.search(told)
    asked = f" (it asked for {amount[1]})" if amount else ""
    changed = [line for line, value, default in _changed(options, table) if _larger(value, default)]
    step = _nearer(changed) if changed else "fit fewer items (cleaning.min_users_per_item), or with smaller options"
    return f"takes more memory than there is{asked}; {step}"


def missing_package(error: BaseException) -> str | None:
    """What is not installed and what to do about it; None where the error is about something else."""
    package = (error.name or "").partition(".")[0] if isinstance(error, ModuleNotFoundError) else ""
    # A module that is missing in a package which is there is a mistake in the code.
    if not package or package in sys.modules:
        return None
    return f"needs the package {package!r}, which is not installed; install it beside selfrec"


def _nearer(changed: list[str]) -> str:
    more = ", ..." if len(changed) > SHOWN else ""
    return f"set nearer to its default what is not: {', '.join(changed[:SHOWN])}{more}"


def _larger(value: Any, default: Any) -> bool:
    """Whether a whole number, or the sum of a list of them, is more than its default."""
    numbers, usual = ([one] if isinstance(one, int) else one for one in (value, default))
    if not isinstance(numbers, tuple | list) or not all(type(one) is int for one in numbers):
        return False
    return not isinstance(usual, tuple | list) or sum(numbers) > sum(usual)


def _changed(options: Settings, table: str) -> Iterator[tuple[str, Any, Any]]:
    """Each option that differs from its default: how to say so, its value, its default."""
    for name, field in type(options).model_fields.items():
        value, where = getattr(options, name), f"{table}.{name}"
        if isinstance(value, Settings):
            yield from _changed(value, where)
        elif not field.is_required():
            default = field.get_default(call_default_factory=True)
            if value != default:
                yield f"{where}={toml(value)} ({toml(default)})", value, default
