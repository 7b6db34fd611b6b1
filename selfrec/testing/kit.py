"""The conformance kit as a command runs it: every check over a part, and what came of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from selfrec.errors import SelfrecError, one_line
from selfrec.host.records import PartRecord
from selfrec.testing.bench import Bench
from selfrec.testing.checks import CHECKS, Check


@dataclass(frozen=True)
class Outcome:
    """What came of one check."""

    check: str
    """Its name without `check_`."""
    promise: str
    """What the check wants, in a sentence."""
    passed: bool
    reason: str = ""
    """Why not."""


def benches(
    records: Iterable[PartRecord], options: Mapping[tuple[str, str], Mapping[str, Any]] | None = None
) -> list[Bench]:
    """A bench for each record, with the others beside it; options by kind and name."""
    records = list(records)
    return [
        Bench(
            record,
            (options or {}).get((record.kind, record.name), {}),
            [other for other in records if other is not record and other.name == record.name],
        )
        for record in records
    ]


def run_checks(bench: Bench, told: Callable[[Outcome], None] = lambda outcome: None) -> list[Outcome]:
    """Run every check; one that fails does not stop the others."""
    outcomes = []
    for check in CHECKS:
        outcome = outcome_of(check, bench)
        told(outcome)
        outcomes.append(outcome)
    return outcomes


def outcome_of(check: Check, bench: Bench) -> Outcome:
    """Run one check. A failure is an assertion of the check, or an error of the part."""
    name, promise = name_of(check), (check.__doc__ or "").strip()
    try:
        check(bench)
    except (AssertionError, SelfrecError) as error:
        return Outcome(name, promise, False, one_line(error))
    except Exception as error:
        return Outcome(name, promise, False, f"{type(error).__name__}: {one_line(error)}")
    return Outcome(name, promise, True)


def name_of(check: Check) -> str:
    """`check_light_import` -> `light_import`."""
    return check.__name__.removeprefix("check_")


def parametrize_with_checks(benches: Iterable[Bench], *, expected_failures: Mapping[str, str] | None = None) -> Any:
    """A pytest mark that runs every check over every bench.

        @parametrize_with_checks(benches(my_plugin.selfrec_generators()))
        def test_conformance(bench, check):
            check(bench)

    expected_failures: by the check's name, why the part does not keep this promise; such a check must fail.
    """
    import pytest

    expected = expected_failures or {}
    unknown = set(expected) - {name_of(check) for check in CHECKS}
    if unknown:
        raise ValueError(f"expected_failures names no check: {', '.join(sorted(unknown))}")
    return pytest.mark.parametrize(("bench", "check"), list(_cases(list(benches), expected)))


def _cases(benches: list[Bench], expected: Mapping[str, str]) -> Iterator[Any]:
    import pytest

    for bench in benches:
        for check in CHECKS:
            name = name_of(check)
            marks = [pytest.mark.xfail(reason=expected[name], strict=True)] if name in expected else []
            yield pytest.param(bench, check, id=f"{bench.record.kind}-{bench.record.name}-{name}", marks=marks)
