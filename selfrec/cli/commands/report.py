"""selfrec report: the page about a model."""

from __future__ import annotations

import click

from selfrec.cli.options import model_argument
from selfrec.cli.state import State, selfrec_command
from selfrec.cli.written_paths import WrittenPath


@selfrec_command(name="report")
@model_argument
@click.option("--to", "path", metavar="PATH", type=WrittenPath(dir_okay=False), help="Write the page there instead.")
def command(state: State, model: str, path: str | None) -> None:
    """Write a model's report.html.

    The page is drawn from report.json in the model folder: what preprocessing dropped, how training went, the
    stages, the metrics. It is one file with its figures inside, and it goes into the model folder unless --to
    says otherwise.
    """
    from pathlib import Path

    from selfrec.extras import extra_needed
    from selfrec.model_folder.outside import check_outside
    from selfrec.model_folder.reading import open_model
    from selfrec.model_folder.writing import replace_file
    from selfrec.report.data import ReportData

    with extra_needed("selfrec report"):
        from selfrec.report.page import render, write_report

    if path is not None:
        check_outside(Path(path))
    opened = open_model(model)
    data = ReportData.read(opened.path)
    if path is None:
        replace_file(opened.path, "report.html", render(data).encode())
        click.echo(opened.path / "report.html")
        return
    write_report(data, Path(path))
    click.echo(path)
