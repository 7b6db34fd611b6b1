"""selfrec inspect: what a model is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from selfrec.cli.fit_display import figure, print_stages
from selfrec.cli.options import model_argument
from selfrec.cli.output import print_json, print_pairs, print_table
from selfrec.cli.state import State, json_option, selfrec_command

if TYPE_CHECKING:
    from selfrec.model_folder.reading import Model


@selfrec_command(name="inspect")
@model_argument
@json_option
def command(state: State, model: str, as_json: bool) -> None:
    """Show what a model is: inputs, outputs, hashes, metrics.

    Every file is checked against the manifest first.
    """
    from selfrec.model_folder.reading import open_model

    opened = open_model(model)
    opened.verify()
    if as_json:
        print_json(_as_dict(opened))
        return
    _print_facts(opened)
    click.echo()
    print_table(("tensor", "type and shape", "meaning"), _tensors(opened))
    click.echo()
    _print_metrics(opened)
    click.echo()
    print_table(
        ("file", "bytes", "sha256"),
        ((name, f"{entry.bytes:,}", entry.sha256) for name, entry in sorted(opened.manifest.files.items())),
        right=[1],
    )


def _print_facts(model: Model) -> None:
    from selfrec.words import plural

    manifest = model.manifest
    data = manifest.data
    counted = f"{plural(data.rows, 'event')} of {plural(data.users, 'user')}"
    span = f", {data.first[:10]} to {data.last[:10]}" if data.first and data.last else ""
    print_pairs(
        [
            ("model", model.path),
            (
                "made by",
                f"selfrec {manifest.selfrec_version}" + (f" on {manifest.created}" if manifest.created else ""),
            ),
            ("plugins", ", ".join(f"{name} {version}" for name, version in manifest.plugins.items()) or "none"),
            ("preset, seed", f"{manifest.config.preset}, {manifest.seed}"),
            ("pipeline", _pipeline(model)),
            ("made from", f"{counted} and {plural(data.items, 'item')}{span}"),
            ("catalog", f"{plural(model.n_items, 'item')}; {_privacy(model)}"),
            ("columns", ", ".join(f"{key} = {value}" for key, value in _columns(model).items())),
        ]
    )


def _pipeline(model: Model) -> str:
    """The parts, where a report names them, and the row of the table of stages that is exported."""
    from selfrec.report.data import FILE_NAME, ReportData

    parts = ReportData.read(model.path).parts if FILE_NAME in model.manifest.files else ()
    stages = [repr(stage.name) for stage in model.manifest.stages if stage.chosen]
    if not parts:
        return stages[-1] if stages else "as configured"
    return ", ".join(parts) + (f"; stage {stages[-1]}" if stages else "")


def _print_metrics(model: Model) -> None:
    print_stages(model.manifest)
    tested = model.manifest.test_metrics
    cutoffs = [int(at) for name in tested if (at := name.removeprefix("ndcg@")).isdecimal()]
    if cutoffs:
        from selfrec.evaluation.metrics import main_cutoff

        k = main_cutoff(cutoffs)
        names = [f"{metric}@{k}" for metric in ("ndcg", "recall")]
        click.echo("\non the test part: " + ", ".join(f"{name} {figure(tested.get(name))}" for name in names))


def _privacy(model: Model) -> str:
    """What the model promises about single users."""
    least = model.config.cleaning.min_users_per_item
    return (
        f"every one was chosen by {least:,} users or more" if least > 1 else "items of a single user may be among them"
    )


def _columns(model: Model) -> dict[str, str]:
    columns = model.manifest.columns.model_dump(exclude={"user_type", "item_type"}, exclude_none=True)
    types = {"user_id": model.manifest.columns.user_type, "item_id": model.manifest.columns.item_type}
    return {key: f"{value} ({types[key]})" if key in types else value for key, value in columns.items()}


def _tensors(model: Model) -> list[tuple[str, str, str]]:
    from selfrec.report.data import graph_of

    graph = graph_of(model.top_k, model.extra_inputs, model.manifest.user_features)
    sizes = {"[N]": f"[{model.n_items}]", "U]": f"{len(model.manifest.user_features)}]"}
    rows = []
    for side, tensors in (("in", graph.inputs), ("out", graph.outputs)):
        for tensor in tensors:
            shape = tensor.shape
            for letter, size in sizes.items():
                shape = shape.replace(letter, size)
            rows.append((f"{side}  {tensor.name}", f"{tensor.dtype}{shape}", tensor.meaning))
    return rows


def _as_dict(model: Model) -> dict[str, Any]:
    tensors = [
        {"side": name.split()[0], "name": name.split()[1], "type": kind, "meaning": meaning}
        for name, kind, meaning in _tensors(model)
    ]
    return {
        "path": str(model.path),
        "n_items": model.n_items,
        "top_k": model.top_k,
        "extra_inputs": list(model.extra_inputs),
        "tensors": tensors,
        "min_users_per_item": model.config.cleaning.min_users_per_item,
        "manifest": model.manifest.model_dump(mode="json"),
    }
