"""Keeps pandas out of commands that never use it.

pyarrow imports it wherever it is installed, at the first array that is made or read: a sixth of a second and 40 MB of
every job [measured].
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType

WITHOUT_PANDAS = ("score", "recommend", "explain", "similar", "audience", "inspect")
"""Commands that run no code but selfrec's own."""


class _Sparing:
    """A finder that says there is none. (None in sys.modules says the same, but pyarrow takes it for pandas.)"""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname == "pandas":
            raise ModuleNotFoundError("selfrec does without pandas", name="pandas")
        return None


def spare_pandas(args: Sequence[str]) -> None:
    """Do so for the rest of this process, if this is the line of such a command."""
    if args and args[0] in WITHOUT_PANDAS:
        sys.meta_path.insert(0, _Sparing())
