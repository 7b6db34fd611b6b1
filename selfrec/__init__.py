"""From a table of events to a table of recommendations.

    import selfrec

    model = selfrec.fit("shop.duckdb", out="model")
    model = selfrec.load("model")
    model.recommend(["milk", "bread"], k=10)
    model.score("shop.duckdb", into="recommendations")
    model.evaluate("shop.duckdb")

Importing selfrec is cheap; what a function needs is imported when it is called.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from selfrec.api import Model, Recommendation, fit, load

if sys.platform == "win32":
    # Locks, atomic swaps and what a killed job leaves are those of POSIX.
    raise ImportError("selfrec runs on Linux and macOS; on Windows, install it in WSL")

__all__ = ["Model", "Recommendation", "__version__", "fit", "load"]


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        return version("selfrec")
    if name in __all__:
        from importlib import import_module

        return getattr(import_module("selfrec.api"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
