"""selfrec similar: item to items."""

from __future__ import annotations

import click

from selfrec.cli.options import length_option, model_argument
from selfrec.cli.output import print_json, print_recommendations
from selfrec.cli.state import State, json_option, selfrec_command


@selfrec_command(name="similar")
@model_argument
@click.argument("item_id", metavar="ITEM_ID")
@length_option
@json_option
def command(state: State, model: str, item_id: str, k: int | None, as_json: bool) -> None:
    """Find items like one item.

    They are what the model recommends to somebody whose history is that one item.
    """
    from selfrec.model_folder.order import check_order
    from selfrec.model_folder.reading import open_model
    from selfrec.scoring.lengths import list_length
    from selfrec.scoring.similar import similar

    check_order(model, item_id)
    opened = open_model(model)
    found = similar(opened, item_id, list_length(opened, k))
    if as_json:
        print_json({"items": [line._asdict() for line in found]})
    else:
        print_recommendations(found)
