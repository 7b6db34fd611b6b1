"""selfrec audience: item to users."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from selfrec.cli.options import model_argument, settings_options, source_argument, user_features_option
from selfrec.cli.output import counted, print_json, print_notes, print_table
from selfrec.cli.state import State, json_option, selfrec_command
from selfrec.settings.tables import ScoringSettings, SourceSettings

if TYPE_CHECKING:
    from selfrec.scoring.audience import Audience


@selfrec_command(name="audience")
@model_argument
@source_argument
@click.option("--item", "item_id", metavar="ID", required=True, help="The item's id.")
@click.option("-k", default=1000, show_default=True, type=click.IntRange(min=1), metavar="N", help="How many users.")
@click.option("--users", metavar="TABLE", help="Choose among these users: a table of the source, or a file.")
@user_features_option
@settings_options(ScoringSettings, "scoring", without={"k"}, stored=True)
@settings_options(SourceSettings, "source_options", stored=True)
@json_option
def command(
    state: State,
    model: str,
    source: str,
    item_id: str,
    k: int,
    users: str | None,
    user_features: str | None,
    scoring: dict[str, Any],
    source_options: dict[str, Any],
    as_json: bool,
) -> None:
    """Find the users whom an item suits best.

    Every user of the source is scored for this one item. Users who have it already are left out, unless --repeats;
    so are users without a history, whose score is popularity's.
    """
    from selfrec.model_folder.order import check_source
    from selfrec.model_folder.reading import open_model
    from selfrec.scoring.audience import audience
    from selfrec.settings.config import changed

    check_source(source, model)
    opened = open_model(model)
    with counted(state, "scoring") as advance:
        found = audience(
            opened,
            source,
            item_id,
            k,
            settings=changed(opened.config.scoring, scoring, "scoring"),
            source=changed(opened.config.source, source_options, "source"),
            users=users,
            user_features=user_features,
            progress=advance,
        )
    if as_json:
        counts = {"asked": found.asked, "cold": found.cold, "seen": found.seen}
        users_found = [one._asdict() for one in found.users]
        print_json({"item": item_id, "users": users_found, **counts, "notes": list(found.notes)})
        return
    _print(state, found)


def _print(state: State, found: Audience) -> None:
    from selfrec.words import plural

    if found.users:
        rows = [(one.rank, one.user_id, f"{one.score:.4f}") for one in found.users]
        print_table(("rank", "user_id", "score"), rows, right=[0, 2])
    print_notes(found.notes)
    told = f"of {plural(found.asked, 'user')}, {found.seen:,} had it already and {found.cold:,} had no history"
    if found.users:
        state.note(told)
    else:
        click.echo(f"nobody is left: {told}", err=True)
