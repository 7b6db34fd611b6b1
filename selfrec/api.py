"""The verbs of the command line in Python: `selfrec.fit(...)`, `selfrec.load(...)` and what a model can do."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from numbers import Real
from pathlib import Path
from typing import TYPE_CHECKING, Any

from selfrec.errors import SettingsError
from selfrec.evaluation.held_out import evaluate_held_out
from selfrec.extras import extra_needed
from selfrec.files import unwritable
from selfrec.model_folder.order import check_source
from selfrec.model_folder.reading import open_model
from selfrec.scoring.audience import Audience, audience
from selfrec.scoring.explain import Explanation, explain
from selfrec.scoring.job import score_table
from selfrec.scoring.lengths import list_length, scoring_settings
from selfrec.scoring.request import ScoringRequest
from selfrec.scoring.similar import similar
from selfrec.scoring.single import Recommendation, Recommended, recommend
from selfrec.scoring.targets import parse_target
from selfrec.settings.base import UNSET
from selfrec.settings.config import changed, load_config
from selfrec.settings.help import toml
from selfrec.settings.tables import Config
from selfrec.source.side_places import SidePlaces
from selfrec.words import plural

if TYPE_CHECKING:
    import selfrec.model_folder.reading as folder
    from selfrec.evaluation.result import Evaluation
    from selfrec.scoring.summary import Progress, RunSummary

AnyPath = str | os.PathLike[str]
"""A path; where a table will do, also its name or FILE::TABLE."""

__all__ = ["Audience", "Explanation", "Model", "Recommendation", "Recommended", "fit", "load"]


def fit(
    source: AnyPath,
    out: AnyPath,
    *,
    config: Config | AnyPath | None = None,
    preset: str | None = None,
    options: Mapping[str, Any] | None = None,
    seed: int | None = None,
    items: AnyPath | None = None,
    user_features: AnyPath | None = None,
    item_features: AnyPath | None = None,
    resume: bool = False,
    warm_start: AnyPath | None = None,
    wait: float = 0.0,
) -> Model:
    """Fit a model on a table of events and open it; like `selfrec fit`.

    config: a selfrec.toml, or a Config (then preset, options and seed are not given). options: by dotted name,
    {"generator.gan.epochs": 20}. items, user_features, item_features, resume, warm_start, wait: as on
    the command line.

    What the command prints as a note is a warning here. Raises SelfrecError; a model that stood at `out` is then still
    there.
    """
    place = _written(out, "out")
    _check_seconds(wait)
    with extra_needed("selfrec.fit"):
        from selfrec.fit_job.job import fit as fit_job
        from selfrec.fit_job.request import FitRequest

    if isinstance(config, Config):
        if preset is not None or options or seed is not None:
            raise TypeError("a Config is whole: preset, options and seed go with a file or without one")
        whole = config
    else:
        file = None if config is None else _path(config, "config")
        whole = load_config(file, preset=preset, overrides=_overrides(options or {}), seed=seed)
    places = SidePlaces(
        items=_text(items, "items"),
        user_features=_text(user_features, "user_features"),
        item_features=_text(item_features, "item_features"),
    )
    fitted = fit_job(
        _path(source, "source"),
        place,
        whole,
        FitRequest(places=places, resume=resume, warm_start=_text(warm_start, "warm_start"), wait=wait),
    )
    _warn(fitted.notes)
    return load(out)


def load(path: AnyPath) -> Model:
    """Open a model folder, everything in it checked. Needs no torch and no plugin. Raises ModelError."""
    return Model(open_model(_path(path, "path")))


class Model:
    """A fitted model."""

    def __init__(self, opened: folder.Model) -> None:
        self.folder = opened
        """The checked folder: manifest, catalog, onnxruntime session."""

    @property
    def path(self) -> Path:
        """The model folder, links resolved."""
        return self.folder.path

    @property
    def config(self) -> Config:
        """What it was fitted with."""
        return self.folder.config

    def recommend(
        self,
        history: Iterable[Any],
        k: int | None = None,
        *,
        weights: Iterable[float] | None = None,
        repeats: bool = False,
    ) -> list[Recommendation]:
        """The k best items for a history of item ids, oldest first; unknown ids count for nothing.

        k: 10 when None, or what the model has where that is less.
        """
        return recommend(self.folder, history, list_length(self.folder, k), weights=weights, repeats=repeats).items

    def similar(self, item_id: Any, k: int | None = None) -> list[Recommendation]:
        """The k best items (see `recommend`) for somebody whose history is this one item; like `selfrec similar`."""
        return similar(self.folder, item_id, list_length(self.folder, k))

    def explain(
        self,
        source: AnyPath,
        user: Any,
        k: int | None = None,
        *,
        most: int = 3,
        repeats: bool = False,
        user_features: AnyPath | None = None,
        source_options: Mapping[str, Any] | None = None,
    ) -> Explanation:
        """The list of one user, k long (see `recommend`), with the history items that carry each recommendation.

        Like `selfrec explain`. most: history items named for each. user_features: as of `score`. source_options: fields
        of SourceSettings that differ from the fit's.
        """
        settings = changed(self.config.source, source_options or {}, "source")
        place, length = _source(source), list_length(self.folder, k)
        return explain(
            self.folder,
            place,
            user,
            length,
            most=most,
            repeats=repeats,
            source=settings,
            user_features=_text(user_features, "user_features"),
        )

    def audience(
        self,
        source: AnyPath,
        item_id: Any,
        k: int = 1000,
        *,
        users: AnyPath | None = None,
        user_features: AnyPath | None = None,
        source_options: Mapping[str, Any] | None = None,
        progress: Progress | None = None,
        **scoring: Any,
    ) -> Audience:
        """The k users whom an item suits best; like `selfrec audience`.

        users: whom to choose among. user_features, source_options: as of `explain`. scoring: as of `score`, without k.
        """
        return audience(
            self.folder,
            _source(source),
            item_id,
            k,
            settings=changed(self.config.scoring, scoring, "scoring"),
            source=changed(self.config.source, source_options or {}, "source"),
            users=_text(users, "users"),
            user_features=_text(user_features, "user_features"),
            progress=progress,
        )

    def score(
        self,
        source: AnyPath,
        *,
        into: AnyPath | None = None,
        to: AnyPath | None = None,
        users: AnyPath | None = None,
        deny: AnyPath | None = None,
        allow: AnyPath | None = None,
        boost: AnyPath | None = None,
        user_features: AnyPath | None = None,
        resume: bool = False,
        changed_only: bool = False,
        wait: float = 0.0,
        source_options: Mapping[str, Any] | None = None,
        progress: Progress | None = None,
        **scoring: Any,
    ) -> RunSummary:
        """Score every user of a source into a table or a file; like `selfrec score`, whose options these are.

        Give one of `into` (a table) and `to` (a Parquet file or a folder). source_options: as of `explain`. progress is
        told the users done and all users. scoring: fields of ScoringSettings (k, repeats, threads, ...) that differ
        from the fit's.

        Raises SelfrecError; the result that stood there is then still there.
        """
        place, settings = _source(source), scoring_settings(self.folder, scoring)
        _check_seconds(wait)
        target = parse_target(place, into=_text(into, "into"), to=None if to is None else _written(to, "to"), wait=wait)
        request = ScoringRequest(
            source=changed(self.config.source, source_options or {}, "source"),
            users=_text(users, "users"),
            deny=_text(deny, "deny"),
            allow=_text(allow, "allow"),
            boost=_text(boost, "boost"),
            user_features=_text(user_features, "user_features"),
            resume=resume,
            changed_only=changed_only,
            wait=wait,
        )
        return score_table(self.folder, place, target, settings, request, progress=progress)

    def evaluate(
        self,
        source: AnyPath,
        *,
        test: AnyPath | None = None,
        user_features: AnyPath | None = None,
        source_options: Mapping[str, Any] | None = None,
    ) -> Evaluation:
        """Figures on the test part of the model's own split, or on the source `test`; like `selfrec evaluate`.

        What the command prints as a note is a warning here.
        """
        measured, notes = evaluate_held_out(
            self.folder,
            _source(source),
            source_options,
            test=_text(test, "test"),
            user_features=_text(user_features, "user_features"),
        )
        _warn(notes)
        return measured

    def __repr__(self) -> str:
        items = plural(self.folder.n_items, "item")
        return f"<selfrec model {str(self.path)!r}: {items}, lists of up to {self.folder.top_k}>"


def _warn(notes: Iterable[str]) -> None:
    """As warnings of whoever called the function that calls this."""
    import warnings

    for note in notes:
        warnings.warn(note, stacklevel=3)


def _source(place: AnyPath) -> str:
    """Its text. Raises SettingsError where it is a model folder."""
    text = _path(place, "source")
    check_source(text)
    return text


def _written(place: AnyPath, name: str) -> str:
    """Its text. Raises SettingsError for what names no place on disk."""
    text = _path(place, name)
    wrong = unwritable(text)
    if wrong is not None:
        raise SettingsError(f"{name}: {wrong}")
    return text


def _check_seconds(wait: object) -> None:
    """Raises SettingsError for what is no time to wait. NaN is beyond no bound."""
    if isinstance(wait, bool) or not isinstance(wait, Real) or not float(wait) >= 0:
        raise SettingsError(f"wait is {wait!r}; give a number of seconds, at least 0")


def _text(place: AnyPath | None, name: str) -> str | None:
    return None if place is None else _path(place, name)


_PATHS = ("path", "out", "config", "into", "to", "warm_start")
"""Arguments that are no table."""


def _path(place: object, name: str) -> str:
    """Its text. Raises TypeError that says what to do with what stands in memory."""
    if isinstance(place, str | os.PathLike):
        return str(os.fspath(place))
    told = f"{name} is a {type(place).__name__}; give a path"
    if name in _PATHS:
        raise TypeError(told)
    raise TypeError(
        f"{told} or the name of a table: write what stands in memory to a Parquet file, or to a table of a DuckDB file "
        "whose connection you close then"
    )


def _overrides(options: Mapping[str, Any]) -> Iterable[str]:
    for name, value in options.items():
        yield f"{name}={UNSET if value is None else toml(value)}"
