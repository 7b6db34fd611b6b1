"""Which line of a plugin's own code an error comes from."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType

from selfrec.host.records import PartRecord


def line_of(error: BaseException, record: PartRecord) -> str:
    """The innermost frame in the package that builds the part, " (selfrec_mine.py, line 12)"; "" where there is none.

    The error and what it was raised from are looked at, the outermost first.
    """
    package = str(getattr(record.build, "__module__", "")).partition(".")[0]
    seen: set[int] = set()
    link: BaseException | None = error
    while link is not None and id(link) not in seen:
        seen.add(id(link))
        found = _innermost(link.__traceback__, package)
        if found:
            return found
        link = link.__cause__ or link.__context__
    return ""


def _innermost(traceback: TracebackType | None, package: str) -> str:
    found = ""
    while traceback is not None:
        frame = traceback.tb_frame
        if package and str(frame.f_globals.get("__name__", "")).partition(".")[0] == package:
            found = f" ({Path(frame.f_code.co_filename).name}, line {traceback.tb_lineno})"
        traceback = traceback.tb_next
    return found
