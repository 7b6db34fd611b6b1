"""The options of `selfrec export --web`, and what it does."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from selfrec.cli.state import Function, with_options

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True)
class PageOptions:
    """What was asked for with --web."""

    runtime: str | None
    serve: bool


def web_options(function: Function) -> Function:
    """--web, --runtime and --serve; the function gets them as `page`, None without --web."""

    @functools.wraps(function)
    def collected(*args: Any, web: bool, runtime: str | None, serve: bool, **kwargs: Any) -> Any:
        if not web and (runtime is not None or serve):
            raise click.UsageError("--runtime and --serve go with --web")
        return function(*args, page=PageOptions(runtime, serve) if web else None, **kwargs)

    return with_options(
        collected,
        click.option("--web", is_flag=True, help="Write a page that recommends in the browser, as folder OUT."),
        click.option(
            "--runtime", metavar="DIR", type=click.Path(), help="--web: where onnxruntime-web is. [node_modules]"
        ),
        click.option("--serve", is_flag=True, help="--web: then serve the page on this machine."),
    )


def export_page(model: str, out: str, options: PageOptions, form: dict[str, Any]) -> None:
    """Write the page of a model and say where it is and how large. form: fields of ExportSettings that were given."""
    import shlex
    from pathlib import Path

    from selfrec.export.job import graph_for_page
    from selfrec.model_folder.reading import open_model
    from selfrec.settings.export import ExportSettings
    from selfrec.settings.validation import validated
    from selfrec.web.folder import LARGE_GRAPH, write_page
    from selfrec.web.runtime import find_runtime

    runtime = find_runtime(Path(options.runtime) if options.runtime is not None else None)
    opened = open_model(model)
    graph, notes = graph_for_page(opened, validated(ExportSettings, form, "export"))
    page = write_page(opened, out, runtime, graph)
    click.echo(
        f"{out}  {_size(page.total_bytes)}: {_size(page.graph_bytes)} model, "
        f"{_size(page.runtime_bytes)} onnxruntime-web {runtime.version}"
    )
    for note in notes:
        click.echo(note)
    if page.graph_bytes > LARGE_GRAPH:
        click.echo(
            f"note: every visitor downloads the model of {page.graph_bytes / 1e6:,.0f} MB; "
            "--half, --allow or narrower parts make it smaller",
            err=True,
        )
    if options.serve:
        _serve(page.folder)
    else:
        click.echo(f"look at it with --serve, or: cd {shlex.quote(out)} && python -m http.server", err=True)


def _size(count: int) -> str:
    return f"{count / 1e6:,.1f} MB" if count >= 1e6 else f"{count / 1e3:,.1f} kB"


def _serve(folder: Path) -> None:
    import contextlib

    from selfrec.web.serving import server

    # To be stopped is how a server ends.
    with server(folder) as running, contextlib.suppress(KeyboardInterrupt):
        click.echo(f"http://127.0.0.1:{running.server_port}/  (Ctrl-C ends it)")
        running.serve_forever()
