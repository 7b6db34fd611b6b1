"""selfrec recommend: one user, on the terminal."""

from __future__ import annotations

import csv
import io

import click

from selfrec.cli.options import length_option, model_argument
from selfrec.cli.output import print_json, print_recommendations
from selfrec.cli.state import State, json_option, selfrec_command


@selfrec_command(name="recommend")
@model_argument
@click.option("--history", metavar="ID,ID,...", required=True, help="Item ids, oldest first; quote one with a comma.")
@length_option
@click.option("--repeats", is_flag=True, help="Let items of the history be recommended.")
@json_option
def command(state: State, model: str, history: str, k: int | None, repeats: bool, as_json: bool) -> None:
    """Recommend to one user, on the terminal.

    Ids that the model does not know are named and count for nothing; without a known one the list is the most
    popular items. `--history ""` is a user without a history.
    """
    import pyarrow as pa

    from selfrec.model_folder.reading import open_model
    from selfrec.scoring.lengths import list_length
    from selfrec.scoring.single import recommend
    from selfrec.source.item_lists import spelt

    # `newline=""`: lines of ids (`"$(cat ids.txt)"`) separate them too, and a quoted id keeps its own.
    lines = io.StringIO(history, newline="")
    fields = [field for row in csv.reader(lines, skipinitialspace=True) for field in row if field.strip()]
    opened = open_model(model)
    ids = spelt(pa.array(fields, pa.string()), opened.catalog).to_pylist()
    found = recommend(opened, ids, list_length(opened, k), repeats=repeats)
    if as_json:
        print_json({"items": [line._asdict() for line in found.items], "unknown": found.unknown})
        return
    if found.unknown:
        known = "" if len(found.unknown) < len(ids) else "; without a known item, these are the most popular ones"
        click.echo(f"not in the catalog: {', '.join(map(str, found.unknown))}{known}", err=True)
    print_recommendations(found.items)
