"""selfrec plugins check: the conformance kit without pytest."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from selfrec.cli.commands.plugins.found import find_parts
from selfrec.cli.output import print_json, print_table, progress
from selfrec.cli.state import State, json_option, selfrec_command

if TYPE_CHECKING:
    from selfrec.host.records import PartRecord
    from selfrec.testing import Bench, Outcome


@selfrec_command(name="check")
@click.argument("name")
@click.option("--kind", type=click.Choice(("extractor", "generator", "ranker")), help="Only parts of this kind.")
@click.option(
    "-o", "overrides", metavar="OPTION=VALUE", multiple=True, help="Set an option of the parts for the checks: width=8."
)
@json_option
def check_command(state: State, name: str, kind: str | None, overrides: tuple[str, ...], as_json: bool) -> None:
    """Check that the parts of the plugin NAME, or the part NAME, keep every promise.

    Trains them on a checkerboard of users and items and looks at what a fit, a graph and a scoring job rely on.
    Exit code 1 when a check fails.
    """
    from selfrec.errors import PluginError
    from selfrec.extras import extra_needed
    from selfrec.host.manager import PluginManager
    from selfrec.host.printing import kept_off_stdout

    with extra_needed("selfrec plugins check"):
        from selfrec.testing import run_checks

    found = find_parts(PluginManager.load(), name)
    broken = [info for info, _ in found if info.reason and not info.parts]
    if broken:
        raise PluginError(f"plugin {broken[0].name!r} is {broken[0].status.value}: {broken[0].reason}")
    records = [record for _, parts in found for record in parts]
    chosen = [record for record in records if kind in (None, record.kind)]
    if not chosen:
        raise PluginError(f"plugin {name!r} has no {kind or 'part'} to check; see `selfrec plugins show {name}`")
    results = []
    with kept_off_stdout():
        for bench in _benches(records, chosen, overrides):
            with _bar(state, str(bench)) as advance:
                results.append((bench.record, run_checks(bench, advance)))
    _show(results, as_json)
    if state.verbose:
        _show_tracebacks(results)
    failed = sum(outcome.bad for _, outcomes in results for outcome in outcomes)
    if failed:
        raise PluginError(f"{name!r} fails {failed} of {sum(len(o) for _, o in results)} checks; the reasons are above")


def _benches(records: list[PartRecord], chosen: list[PartRecord], overrides: tuple[str, ...]) -> list[Bench]:
    from selfrec.errors import SettingsError
    from selfrec.settings.config import parse_override
    from selfrec.settings.validation import suggestion, validated
    from selfrec.testing import benches

    options: dict[str, Any] = {}
    for override in overrides:
        options.update(parse_override(override))
    known = sorted({name for record in records for name in record.options.model_fields})
    for name in options:
        if name not in known:
            raise SettingsError(f"unknown option {name!r}; {suggestion(name, known)}")
    given = {
        (record.kind, record.name): {k: v for k, v in options.items() if k in record.options.model_fields}
        for record in records
    }
    # Refused at once, and not by every check.
    for record in chosen:
        if given[record.kind, record.name]:
            validated(record.options, given[record.kind, record.name])
    return [bench for bench in benches(records, given) if bench.record in chosen]


@contextmanager
def _bar(state: State, name: str) -> Iterator[Callable[[Outcome], None]]:
    """A bar, and what moves it on after each check."""
    with progress(state) as bars:
        task = bars.add_task(name, total=None)
        yield lambda outcome: bars.update(task, advance=1)


def _show(results: list[tuple[PartRecord, list[Outcome]]], as_json: bool) -> None:
    if as_json:
        from dataclasses import asdict

        print_json(
            [
                {"kind": record.kind, "name": record.name, "checks": [asdict(outcome) for outcome in outcomes]}
                for record, outcomes in results
            ]
        )
        return
    for record, outcomes in results:
        print_table((f"{record.kind} {record.name}", "", "why"), _rows(outcomes))
        click.echo()


def _show_tracebacks(results: list[tuple[PartRecord, list[Outcome]]]) -> None:
    """Where parts fell, on stderr; what many checks fell over is shown once."""
    for record, outcomes in results:
        for told in {outcome.reason: outcome for outcome in reversed(outcomes) if outcome.traceback}.values():
            click.echo(f"{record.kind} {record.name}, {told.check.replace('_', ' ')}:\n{told.traceback}", err=True)


def _rows(outcomes: list[Outcome]) -> list[tuple[str, str, str]]:
    """Check, outcome and reason. A reason that many checks have, as where training fails, is printed once."""
    rows: list[tuple[str, str, str]] = []
    first: dict[str, str] = {}
    for outcome in outcomes:
        check = outcome.check.replace("_", " ")
        told = first.setdefault(outcome.reason, check)
        again = f"as {told}" if outcome.reason and told != check else outcome.reason
        rows.append((check, outcome.word, outcome.excused or again or outcome.note))
    return rows
