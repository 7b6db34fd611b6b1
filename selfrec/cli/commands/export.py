"""selfrec export: a model's graph as a file of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from selfrec.cli.options import model_argument
from selfrec.cli.state import State, selfrec_command
from selfrec.cli.web_page import PageOptions, export_page, web_options

if TYPE_CHECKING:
    from pathlib import Path


@selfrec_command(name="export")
@model_argument
@click.argument("out", metavar="OUT", type=click.Path())
@web_options
def command(state: State, model: str, out: str, page: PageOptions | None) -> None:
    """Write a model's graph as one ONNX file, or a web page around it.

    The graph takes and gives item numbers; items.parquet of the model folder has the ids. Weights past 1.5 GB
    stand in model.onnx.data beside it, as in the model folder. With --web, OUT is a folder: see docs/web.md.
    """
    from pathlib import Path

    from selfrec.errors import TargetError, one_line
    from selfrec.model_folder.manifest import GRAPH, GRAPH_DATA
    from selfrec.model_folder.reading import open_model

    if page is not None:
        return export_page(model, out, page)
    opened = open_model(model)
    target = Path(out)
    if target.suffix != ".onnx":
        raise TargetError(f"{out!r} is no .onnx file; write it like {target.with_suffix('.onnx').name!r}")
    written = [(GRAPH, target)]
    if GRAPH_DATA in opened.manifest.files:
        # The graph names this file, so it keeps its name.
        written.insert(0, (GRAPH_DATA, target.with_name(GRAPH_DATA)))
    try:
        for name, place in written:
            _copy(opened.path / name, place)
            click.echo(place)
    except OSError as error:
        raise TargetError(f"{out!r} cannot be written ({one_line(error)}); choose another place") from error


def _copy(source: Path, target: Path) -> None:
    """Copy a file so that a reader never sees half of it."""
    import shutil

    from selfrec.files import replace_path, sync

    partial = target.with_name(f".{target.name}.partial")
    try:
        shutil.copyfile(source, partial)
        sync(partial)
        replace_path(partial, target)
    finally:
        partial.unlink(missing_ok=True)
