"""The conformance kit as a command runs it: every check over a part, and what came of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from traceback import format_exception
from typing import Any

from selfrec.errors import PluginError, SelfrecError, one_line
from selfrec.host.records import Kind, PartRecord
from selfrec.settings.validation import suggestion
from selfrec.testing.bench import Bench
from selfrec.testing.checks import CHECKS, Check, check_trains_with_finite_losses


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
    excused: str = ""
    """Why the part need not pass, as its record says."""
    traceback: str = ""
    """Where the part fell, if it did; a check that finds something else has none."""
    note: str = ""
    """What its author should know of a check that is passed: a training that is slow."""

    @property
    def word(self) -> str:
        """ok, FAILED, excused, or "ok, though excused": an excuse that is not needed is a failure too."""
        if self.excused:
            return "ok, though excused" if self.passed else "excused"
        return "ok" if self.passed else "FAILED"

    @property
    def bad(self) -> bool:
        """Whether something must be done about it."""
        return self.passed == bool(self.excused)


def benches(
    records: Iterable[PartRecord], options: Mapping[tuple[Kind, str], Mapping[str, Any]] | None = None
) -> list[Bench]:
    """A bench for each record, with the others beside it; options by kind and name.

    Raises PluginError where a record is excused from a check that does not exist.
    """
    records = list(records)
    names = [name_of(check) for check in CHECKS]
    for record in records:
        for excuse in record.excused:
            if excuse not in names:
                raise PluginError(
                    f"{record.kind} {record.name!r}: excused names no check {excuse!r}; {suggestion(excuse, names)}"
                )
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
    reason = traceback = ""
    try:
        check(bench)
    except (AssertionError, SelfrecError) as error:
        reason = one_line(error)
        traceback = "" if error.__cause__ is None else _traceback(error.__cause__)
    except Exception as error:
        reason, traceback = f"{type(error).__name__}: {one_line(error)}", _traceback(error)
    note = bench.fitted.cost if check is check_trains_with_finite_losses and not reason else ""
    return Outcome(name, promise, not reason, reason, bench.record.excused.get(name, ""), traceback, note)


def _traceback(error: BaseException) -> str:
    return "".join(format_exception(error))


def name_of(check: Check) -> str:
    """`check_light_import` -> `light_import`."""
    return check.__name__.removeprefix("check_")


def parametrize_with_checks(benches: Iterable[Bench], *, expected_failures: Mapping[str, str] | None = None) -> Any:
    """A pytest mark that runs every check over every bench; checks a record is excused from are expected to fail.

        @parametrize_with_checks(benches(my_plugin.selfrec_generators()))
        def test_conformance(bench, check):
            check(bench)

    expected_failures: more of them, by the check's name and with the reason; such a check must fail.
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
        reasons = {**bench.record.excused, **expected}
        for check in CHECKS:
            name = name_of(check)
            marks = [pytest.mark.xfail(reason=reasons[name], strict=True)] if name in reasons else []
            yield pytest.param(bench, check, id=f"{bench.record.kind}-{bench.record.name}-{name}", marks=marks)
