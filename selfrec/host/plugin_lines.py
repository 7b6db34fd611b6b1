"""Which line of a plugin's own code an error comes from."""

from __future__ import annotations

import inspect
import re
import sys
from functools import partial
from pathlib import Path
from types import FrameType, TracebackType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from selfrec.host.records import PartRecord


def line_of(error: BaseException, record: PartRecord, code: object = None) -> str:
    """The innermost frame in the package that builds the part, " (selfrec_mine.py, line 12)"; "" where there is none.

    The error and what it was raised from are looked at, the outermost first. code: what was called. Where the error
    comes before its first line, as for arguments that it does not take, the line where it begins is named.
    """
    return line_in(error, package_of(record.build)) or defined_at(code, record)


def line_in(error: BaseException, package: str) -> str:
    """The same of a package by its name."""
    seen: set[int] = set()
    link: BaseException | None = error
    while link is not None and id(link) not in seen:
        seen.add(id(link))
        found = _innermost(link.__traceback__, package)
        if found:
            return found
        link = link.__cause__ or link.__context__
    return ""


def line_now(thread: int, record: PartRecord) -> str:
    """The same of where a thread, by its identity, is in the part's package now."""
    frame = sys._current_frames().get(thread)
    while frame is not None:
        if _is_of(frame, package_of(record.build)):
            return _words(frame, frame.f_lineno)
        frame = frame.f_back
    return ""


def defined_at(code: object, record: PartRecord) -> str:
    """Where a function of that package begins, " (selfrec_mine.py, line 12)"; "" for one of another package."""
    function = _plain(code)
    if not inspect.isfunction(function) or package_of(function) != package_of(record.build):
        return ""
    return f" ({Path(function.__code__.co_filename).name}, line {function.__code__.co_firstlineno})"


def option_line(options: type, name: str) -> str:
    """Where a class of options declares one; "" where its source is not there to read."""
    for owner in options.__mro__:
        if name in vars(owner).get("__annotations__", {}):
            try:
                lines, first = inspect.getsourcelines(owner)
                file = Path(inspect.getsourcefile(owner) or "").name
            except (OSError, TypeError):
                return ""
            place = next((at for at, line in enumerate(lines) if re.match(rf"\s+{name}\s*:", line)), 0)
            return f" ({file}, line {first + place})"
    return ""


def package_of(code: object) -> str:
    """The first word of the module that it is of; "" where it has none."""
    return module_of(code).partition(".")[0]


def module_of(code: object) -> str:
    """The module that a function is of, or an object that can be called; of a `partial`, its function's."""
    return str(getattr(_plain(code), "__module__", None) or "")


def _plain(code: object) -> object:
    """The function under decorators, bound arguments and a bound object."""
    while True:
        inner = getattr(code, "__wrapped__", None) or getattr(code, "__func__", None)
        if isinstance(code, partial):
            inner = code.func
        if inner is None:
            return code
        code = inner


def _innermost(traceback: TracebackType | None, package: str) -> str:
    found = ""
    while traceback is not None:
        if _is_of(traceback.tb_frame, package):
            found = _words(traceback.tb_frame, traceback.tb_lineno)
        traceback = traceback.tb_next
    return found


def _is_of(frame: FrameType, package: str) -> bool:
    return bool(package) and str(frame.f_globals.get("__name__", "")).partition(".")[0] == package


def _words(frame: FrameType, line: int) -> str:
    return f" ({Path(frame.f_code.co_filename).name}, line {line})"
