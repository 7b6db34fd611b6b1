"""The test part of a model's own split, made again from the source and measured."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from selfrec.errors import EmptyDataError
from selfrec.evaluation.evaluate import evaluate_model
from selfrec.evaluation.joined_sources import joined_sources
from selfrec.evaluation.result import Evaluation
from selfrec.scoring.user_columns import user_table_of
from selfrec.settings.config import changed
from selfrec.settings.tables import Config, ScoringSettings
from selfrec.settings.validation import validated
from selfrec.source.dataset import Dataset, load_for_model
from selfrec.source.mapping import gained, missed
from selfrec.source.side_tables import qualified
from selfrec.words import plural

if TYPE_CHECKING:
    from selfrec.model_folder.reading import Model
    from selfrec.side_columns import SideTable


def evaluate_held_out(
    model: Model,
    source: str,
    source_options: Mapping[str, Any] | None = None,
    *,
    test: str | None = None,
    user_features: str | None = None,
    threads: int | None = None,
    on_users: Callable[[int, int], None] | None = None,
) -> tuple[Evaluation, list[str]]:
    """Split `source` as the model's fit did and measure the model on the test part.

    source_options: options of [source] that differ from the fit's. test: a source with the rows to be predicted, as
    published splits come; all of `source` is then shown. user_features: where the user columns that the model reads
    stand, `none` where they are unknown; as the model was fitted when None. on_users: told how many of all held-out
    users are done. Returns the figures and what a reader of them must know.

    Raises EmptyDataError when the split has no test part, SourceError, ColumnError, ModelError, SettingsError.
    """
    config = model.config.model_copy(update={"source": changed(model.config.source, source_options or {}, "source")})
    settings = validated(ScoringSettings, {"threads": threads}, "scoring")
    table = user_table_of(model, user_features)
    if test is None:
        dataset = _split_again(model, source, config, table)
        notes = [*_columns(model, dataset), *dataset.notes, *_notes(model, dataset.fingerprint)]
    else:
        dataset = _given_apart(model, source, test, config, table)
        notes = [*_columns(model, dataset), *dataset.notes]
    total = len(dataset.test)
    measured = evaluate_model(
        model,
        dataset.test,
        settings=settings,
        on_users=None if on_users is None else lambda done: on_users(done, total),
    )
    return measured, [*notes, *_left_out(dataset), *_misses(measured, model)]


def _split_again(model: Model, source: str, config: Config, table: SideTable | None) -> Dataset:
    """The source with the test part that the fit held out."""
    if config.split.test == 0 and config.split.kind != "column":
        raise EmptyDataError(
            f"model {str(model.path)!r} was fitted with split.test = 0, so nothing was held out; give the rows to be "
            "predicted with --test, or fit again with -o split.test=0.1"
        )
    dataset = load_for_model(source, _split_of_the_fit(model, config), model.catalog, table)
    if len(dataset.test) == 0:
        raise EmptyDataError(
            f"{source}: no held-out user has an item of the model's catalog to be shown, so there is nothing to "
            "evaluate; name the source the model was fitted on"
        )
    return dataset


def _split_of_the_fit(model: Model, config: Config) -> Config:
    """A split that was left open was by chance where the fit knew no times. It stays so where the source has some by
    now: most of each user's newest items were trained on."""
    if config.split.kind is not None or model.manifest.data.first is not None:
        return config
    return config.model_copy(update={"split": config.split.model_copy(update={"kind": "random"})})


def _given_apart(model: Model, source: str, test: str, config: Config, table: SideTable | None) -> Dataset:
    """All of the source to be shown, and the rows of `test` to be predicted."""
    if table is not None:
        table = table.model_copy(update={"place": qualified(table.place, source)})
    with joined_sources(source, test, config) as (path, joined, guesses):
        dataset = load_for_model(path, joined, model.catalog, table)
    if len(dataset.test) == 0:
        raise EmptyDataError(
            f"{test}: no user with an item of the model's catalog in {source} has a further item there; "
            "give events that are not in the source already"
        )
    return replace(dataset, notes=(*guesses, *dataset.notes))


def _columns(model: Model, dataset: Dataset) -> list[str]:
    """The columns that the source has no more, how it is split without them, and those that it has by now."""
    fitted = model.manifest.columns.model_dump()
    lines = missed(fitted, dataset.columns)
    if lines and model.config.split.kind is None:
        lines.append(f"what is held out is chosen by what there is, now by the split {dataset.split!r}")
    return [*lines, *gained(fitted, dataset.columns)]


MANY = 0.1
"""Share of the held-out rows that are not measured, or outside of the catalog, from which it is told."""


def _left_out(dataset: Dataset) -> list[str]:
    """That many rows are held out and yet not measured, and why."""
    told = []
    for line in dataset.report:
        if line.rule == "test part" and line.rows_dropped > MANY * line.rows_before:
            kept, why = (
                line.rows_before - line.rows_dropped,
                (part for part in line.note.split(", ") if "left out" in part),
            )
            told.append(f"of {plural(line.rows_before, 'held-out row')} {kept:,} count: {', '.join(why)}")
    return told


def _misses(measured: Evaluation, model: Model) -> list[str]:
    """That many hidden items are such as no list can have."""
    outside, hidden = measured.hidden_outside_catalog, measured.hidden_items
    if outside < MANY * hidden:
        return []
    least = plural(model.config.cleaning.min_users_per_item, "user")
    return [
        f"{outside:,} of {plural(hidden, 'hidden item')} are not in the model's catalog, for they are new or had fewer "
        f"than {least} (cleaning.min_users_per_item): no list can have them, and they count as misses"
    ]


def _notes(model: Model, fingerprint: Mapping[str, Any]) -> list[str]:
    notes = []
    if model.config.training.refit == "all":
        notes.append(
            "the model was fitted with training.refit = all, so it has seen the test rows: "
            "these figures flatter it and are no measure of new data"
        )
    content = model.manifest.data.content
    if content is not None and fingerprint.get("content") not in (None, content):
        notes.append(
            "the source has other rows than the one the model was fitted on, so a part of what is held out now may "
            "have been trained on"
        )
    return notes
