"""selfrec explain: which history items carry each recommendation of a user."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from selfrec.cli.options import (
    length_option,
    model_argument,
    settings_options,
    source_argument,
    user_features_option,
)
from selfrec.cli.output import note_nothing_left, print_json, print_notes, print_table
from selfrec.cli.state import State, json_option, selfrec_command
from selfrec.settings.tables import SourceSettings

if TYPE_CHECKING:
    from selfrec.scoring.explain import Explanation


@selfrec_command(name="explain")
@model_argument
@source_argument
@click.option("--user", metavar="ID", required=True, help="The user's id.")
@length_option
@click.option(
    "--most", default=3, show_default=True, type=click.IntRange(min=1), metavar="N", help="Causes shown of each."
)
@click.option("--repeats", is_flag=True, help="Let items of the history be recommended.")
@user_features_option
@settings_options(SourceSettings, "source_options", stored=True)
@json_option
def command(
    state: State,
    model: str,
    source: str,
    user: str,
    k: int | None,
    most: int,
    repeats: bool,
    user_features: str | None,
    source_options: dict[str, Any],
    as_json: bool,
) -> None:
    """Show which history items carry each recommendation of a user.

    Each item of the history is left out in turn, and the whole graph runs again: `because` names the items without
    which the recommendation's score falls most, and how far it falls. An only item carries the whole score.
    """
    from selfrec.model_folder.order import check_source
    from selfrec.model_folder.reading import open_model
    from selfrec.scoring.explain import explain
    from selfrec.scoring.lengths import list_length
    from selfrec.settings.config import changed

    check_source(source, model)
    opened = open_model(model)
    settings = changed(opened.config.source, source_options, "source")
    found = explain(
        opened,
        source,
        user,
        list_length(opened, k),
        most=most,
        repeats=repeats,
        source=settings,
        user_features=user_features,
    )
    if as_json:
        items = [one.as_dict() for one in found.items]
        told = {"user": found.user_id, "known": found.known, "history": found.history, "items": items}
        print_json(told | {"notes": list(found.notes)})
        return
    if not found.history:
        what = "has no item of the catalog" if found.known else "has no row"
        click.echo(f"user {user!r} {what} in {source}: these are the most popular items", err=True)
    _print(found)


def _print(found: Explanation) -> None:
    """The list, with names only where items have any."""
    rows = [
        (
            one.recommendation.rank,
            one.recommendation.item_id,
            one.recommendation.name,
            f"{one.recommendation.score:.4f}",
            "; ".join(f"{carrier.name} (-{carrier.drop:.4f})" for carrier in one.because),
        )
        for one in found.items
    ]
    if not rows:
        note_nothing_left()
    elif any(name != str(item_id) for _, item_id, name, _, _ in rows):
        print_table(("rank", "item_id", "name", "score", "because"), rows, right=[0, 3])
    else:
        short = [(rank, item_id, score, because) for rank, item_id, _, score, because in rows]
        print_table(("rank", "item_id", "score", "because"), short, right=[0, 2])
    print_notes(found.notes)
