"""selfrec export: a model's graph as a file of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from selfrec.cli.options import model_argument, settings_options
from selfrec.cli.state import State, selfrec_command
from selfrec.cli.web_page import PageOptions, export_page, web_options
from selfrec.cli.written_paths import WrittenPath
from selfrec.settings.export import ExportSettings

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from selfrec.export.running import Agreement


@selfrec_command(name="export")
@model_argument
@click.argument("out", metavar="[OUT]", type=WrittenPath(), required=False)
@settings_options(ExportSettings, "form", names={"k": "-k"})
@click.option("--conformance", metavar="DIR", type=WrittenPath(), help="Write golden batches into DIR/cases.json.")
@click.option("--check", is_flag=True, help="Compare the lists of every runtime that this Python has.")
@web_options
def command(
    state: State,
    model: str,
    out: str | None,
    form: dict[str, Any],
    conformance: str | None,
    check: bool,
    page: PageOptions | None,
) -> None:
    """Write a model's graph as one ONNX file, or a web page around it.

    The graph takes and gives item numbers; items.parquet of the model folder has the ids. Without an option the
    file is the model's own; weights past 1.5 GB then stand in OUT.onnx.data beside it, a name that the graph has in
    it. OUT may be left out with --check and --conformance. With --web, it is a folder: see docs/web.md.
    """
    from selfrec.model_folder.order import check_order

    if out is not None:
        check_order(model, out)
    if page is not None:
        if out is None or conformance or check:
            raise click.UsageError("--web takes a folder OUT; --check and --conformance go with a graph")
        export_page(model, out, page, form)
    elif out is None and not (check or conformance):
        raise click.UsageError("Missing argument 'OUT'.")
    else:
        _export_graph(model, out, form, conformance, check)


def _export_graph(model: str, out: str | None, form: dict[str, Any], conformance: str | None, check: bool) -> None:
    from pathlib import Path

    from selfrec.export.job import export_graph
    from selfrec.model_folder.reading import open_model
    from selfrec.settings.validation import validated

    opened = open_model(model)
    settings = validated(ExportSettings, form, "export")
    done = export_graph(
        opened,
        settings,
        None if out is None else _target(out),
        conformance=None if conformance is None else Path(conformance),
        check=check,
    )
    for line in [*done.written, *done.notes]:
        click.echo(line)
    if done.agreements:
        _print_agreements(done.agreements)


def _target(out: str) -> Path:
    from pathlib import Path

    from selfrec.errors import TargetError

    target = Path(out)
    if target.name in ("", "..", ".onnx"):
        raise TargetError(f"{out!r} names no file; write it like 'model.onnx'")
    if target.suffix != ".onnx":
        raise TargetError(f"{out!r} is no .onnx file; write it like {target.with_suffix('.onnx').name!r}")
    return target


def _print_agreements(agreements: Sequence[Agreement]) -> None:
    """A line a runtime; raises ExportError where one gives other lists."""
    from selfrec.cli.output import print_table
    from selfrec.errors import ExportError

    rows = [(one.runtime, one.version, f"{one.cases}", f"{one.agreed}") for one in agreements]
    print_table(("runtime", "version", "golden batches", "same lists"), rows, right=(2, 3))
    for one in agreements:
        for name, problem in one.differences.items():
            where = f"on the batch {name!r}" if name else "and gave no lists"
            raise ExportError(f"{one.runtime} {one.version} differs {where}: {problem}; do not use the graph there")
