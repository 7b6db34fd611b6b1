"""selfrec plugins check: the conformance kit without pytest."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import click

from selfrec.cli.commands.plugins.found import find_parts
from selfrec.cli.commands.plugins.patience import named_when_slow, stopped
from selfrec.cli.output import print_json, print_table, progress
from selfrec.cli.state import State, json_option, selfrec_command
from selfrec.cli.stopping import go_on

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
        import selfrec.testing.kit  # noqa: F401

    found = find_parts(PluginManager.load(), name)
    broken = [info for info, _ in found if info.reason and not info.parts]
    if broken:
        raise PluginError(f"plugin {broken[0].name!r} is {broken[0].status.value}: {broken[0].reason}")
    records = [record for _, parts in found for record in parts]
    chosen = [record for record in records if kind in (None, record.kind)]
    if not chosen:
        raise PluginError(f"plugin {name!r} has no {kind or 'part'} to check; see `selfrec plugins show {name}`")
    results: list[tuple[PartRecord, list[Outcome]]] = []
    try:
        with kept_off_stdout():
            for bench in _benches(records, chosen, overrides):
                results.append((bench.record, []))
                _run(state, bench, results[-1][1])
    except KeyboardInterrupt:
        state.left = "what was found until then is above" if results else state.left
        _show(results, as_json)
        raise
    _show(results, as_json)
    if state.verbose:
        _show_tracebacks(results)
    failed = sum(outcome.bad for _, outcomes in results for outcome in outcomes)
    if failed:
        raise PluginError(f"{name!r} fails {failed} of {sum(len(o) for _, o in results)} checks; the reasons are above")


def _benches(records: list[PartRecord], chosen: list[PartRecord], overrides: tuple[str, ...]) -> list[Bench]:
    from selfrec.errors import SettingsError
    from selfrec.settings.config import merged, parse_override
    from selfrec.settings.validation import suggestion, validated
    from selfrec.testing import benches

    options: dict[str, Any] = {}
    for override in overrides:
        options = merged(options, parse_override(override))
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


def _run(state: State, bench: Bench, outcomes: list[Outcome]) -> None:
    """Append what comes of each check; raises KeyboardInterrupt after one that is stopped."""
    from selfrec.testing.checks import CHECKS
    from selfrec.testing.kit import name_of, outcome_of

    with progress(state) as bars:
        task = bars.add_task(str(bench), total=len(CHECKS))
        for check in CHECKS:
            name, began = name_of(check).replace("_", " "), time.monotonic()
            bars.update(task, description=f"{bench}: {name}")
            try:
                with named_when_slow(bench, name, quiet=state.quiet):
                    outcomes.append(outcome_of(check, bench))
                # The part may have taken the exception for one of its own.
                go_on()
            except KeyboardInterrupt as error:
                outcomes[CHECKS.index(check) :] = [stopped(bench, check, time.monotonic() - began, error)]
                raise
            bars.advance(task)


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
