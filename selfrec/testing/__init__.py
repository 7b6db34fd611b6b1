"""The conformance kit for plugins: data with a known right answer, and checks of everything a part promises.

    import my_plugin
    from selfrec.testing import benches, parametrize_with_checks

    @parametrize_with_checks(benches(my_plugin.selfrec_generators()))
    def test_conformance(bench, check):
        check(bench)

`selfrec plugins check NAME` runs the same checks without pytest.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from selfrec.cores import threads_that_sleep
from selfrec.testing.checkerboard import checkerboard, checkerboard_holdout

if TYPE_CHECKING:
    from selfrec.testing.bench import Bench
    from selfrec.testing.kit import Outcome, benches, parametrize_with_checks, run_checks

__all__ = [
    "Bench",
    "Outcome",
    "benches",
    "checkerboard",
    "checkerboard_holdout",
    "parametrize_with_checks",
    "run_checks",
]

# These need torch, so they are looked up when first used (PEP 562).
_HEAVY = {
    "Bench": "selfrec.testing.bench",
    "Outcome": "selfrec.testing.kit",
    "benches": "selfrec.testing.kit",
    "parametrize_with_checks": "selfrec.testing.kit",
    "run_checks": "selfrec.testing.kit",
}


def __getattr__(name: str) -> Any:
    if name in _HEAVY:
        from importlib import import_module

        with threads_that_sleep():
            return getattr(import_module(_HEAVY[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
