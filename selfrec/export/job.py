"""`selfrec export`: the graph in the form asked for, the item table and golden batches beside it, and a check."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from selfrec.catalog import Catalog
from selfrec.errors import EmptyDataError, SettingsError, TargetError, one_line
from selfrec.export.conformance import write_cases
from selfrec.export.earlier import data_place, earlier_data
from selfrec.export.golden import golden_batches
from selfrec.export.item_table import TableFacts, has_item_table, renumbered, user_numbers, write_item_table
from selfrec.export.running import Agreement, agreement, command_of, installed
from selfrec.extras import extra_needed
from selfrec.files import replace_path, sync, write_whole
from selfrec.graph.moving import with_data_at
from selfrec.model_folder.manifest import GRAPH, GRAPH_DATA
from selfrec.model_folder.outside import check_outside
from selfrec.model_folder.reading import Model
from selfrec.model_folder.writing import hash_file
from selfrec.settings.export import ExportSettings
from selfrec.source.item_lists import read_items
from selfrec.web.folder import OtherGraph
from selfrec.words import plural

if TYPE_CHECKING:
    from selfrec.export.forms import Form
    from selfrec.histories import Int64


@dataclass
class Exported:
    """What an export wrote and found."""

    written: list[Path] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    """What was measured or left out, one line each."""
    agreements: list[Agreement] = field(default_factory=list)


def export_graph(
    model: Model, settings: ExportSettings, out: Path | None, *, conformance: Path | None = None, check: bool = False
) -> Exported:
    """Write the graph to `out` (None: only look at it), golden batches into the folder `conformance`, and with
    `check` run them in every runtime of this Python.

    Raises SettingsError, ExportError, TargetError, MissingExtraError where a form needs the package onnx.
    """
    for place in (out, conformance):
        if place is not None:
            check_outside(place)
    done = Exported()
    form = _form(model, settings, done.notes) if settings.changes_graph else None
    with tempfile.TemporaryDirectory(prefix="selfrec-") as beside:
        target = out or Path(beside) / GRAPH
        try:
            places = _write(model, form, target, external=settings.external_data)
            if out is not None:
                done.written += places
                if settings.items or settings.raw_ids or settings.allow or has_item_table(out):
                    done.written += _write_items(model, form, target, tuple(done.notes))
        except OSError as error:
            raise TargetError(f"{str(target)!r} cannot be written ({one_line(error)}); choose another place") from error
        if conformance is not None or check:
            goldens = golden_batches(model, form)
            cases = write_cases(conformance or Path(beside) / "conformance", goldens, hash_file(target).sha256)
            if conformance is not None:
                done.written.append(cases)
            if check:
                for runtime in installed(settings.raw_ids):
                    done.agreements.append(agreement(runtime.name, command_of(runtime), target, cases))
    return done


def graph_for_page(model: Model, settings: ExportSettings) -> tuple[OtherGraph | None, list[str]]:
    """The graph that a web page gets in place of the model's own (None: the model's own), and notes on it.

    Raises SettingsError for what a page has no use of, and as `export_graph` does.
    """
    for name in ("raw_ids", "items", "external_data"):
        if getattr(settings, name):
            raise SettingsError(f"--{name.replace('_', '-')} goes with a graph, not with --web; leave it out")
    if not settings.changes_graph:
        return None, []
    notes: list[str] = []
    form = _form(model, settings, notes)
    catalog = model.catalog
    if form.kept is not None:
        catalog = Catalog(renumbered(catalog.table, form.kept), catalog.item_type)
    return OtherGraph(form.graph.SerializeToString(deterministic=True), form.surface, catalog), notes


def _form(model: Model, settings: ExportSettings, notes: list[str]) -> Form:
    with extra_needed("export with another form than the model's own"):
        from selfrec.export.forms import make_form
    kept = None if settings.allow is None else _kept(model, settings.allow, notes)
    form = make_form(model, settings, kept)
    if kept is not None:
        notes.append(
            f"{len(kept):,} of the model's {plural(model.n_items, 'item')}; "
            "a history item outside them counts for nothing"
        )
    if form.half is not None:
        notes.append(form.half.line())
    return form


def _kept(model: Model, place: str, notes: list[str]) -> Int64:
    listed = read_items(place, model.catalog)
    if not len(listed.numbers):
        raise EmptyDataError(f"--allow {place}: none of its items is in the model's catalog; check the ids")
    if listed.unknown:
        notes.append(f"--allow {place}: {plural(listed.unknown, 'id')} not in the catalog")
    return listed.numbers


def _write(model: Model, form: Form | None, target: Path, *, external: bool) -> list[Path]:
    """Write the graph in the place of an earlier one and its data; the places, data first."""
    before = earlier_data(target)
    places = _write_graph(model, form, target, external=external)
    if before is not None and before not in places:
        before.unlink()
    return places


def _write_graph(model: Model, form: Form | None, target: Path, *, external: bool) -> list[Path]:
    if form is not None:
        from selfrec.export.forms import write_form

        return write_form(form.graph, target, external=external)
    if GRAPH_DATA not in model.manifest.files:
        _copy(model.path / GRAPH, target)
        return [target]
    # By a name of its own: with one name for all, the graph of another model in this folder would read this one's.
    data = data_place(target)
    _copy(model.path / GRAPH_DATA, data)
    write_whole(target, with_data_at(memoryview((model.path / GRAPH).read_bytes()), data.name))
    return [data, target]


def _write_items(model: Model, form: Form | None, target: Path, notes: tuple[str, ...]) -> list[Path]:
    table, surface = model.catalog.table, model.surface
    if form is not None:
        surface = form.surface
        table = table if form.kept is None else renumbered(table, form.kept)
    read = model.manifest.user_features
    facts = TableFacts(
        graph=target.name,
        sha256=hash_file(target).sha256,
        n_items=surface.n_items,
        top_k=surface.top_k,
        padding=surface.n_items if form is None else form.padding,
        max_history=model.config.cleaning.max_history,
        user_features=user_numbers(model.manifest.user_table) if read and model.manifest.user_table else (),
        notes=notes,
    )
    return write_item_table(target, table, facts)


def _copy(source: Path, target: Path) -> None:
    """Copy a file so that a reader never sees half of it."""
    import shutil

    partial = target.with_name(f".{target.name}.partial")
    try:
        shutil.copyfile(source, partial)
        sync(partial)
        replace_path(partial, target)
    finally:
        partial.unlink(missing_ok=True)
