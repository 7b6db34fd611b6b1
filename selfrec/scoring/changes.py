"""--changed-only: who has to be scored again, found by comparing fingerprints with those of the last run."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from selfrec.errors import EmptyDataError, SourceError
from selfrec.histories import Float32
from selfrec.model_folder.manifest import GRAPH_DATA, ITEMS
from selfrec.model_folder.reading import Model
from selfrec.scoring.companion import ID_TYPES, Companion, Earlier
from selfrec.scoring.engines import ENGINES, engines_changed
from selfrec.scoring.result_parts import IdForm
from selfrec.settings.tables import Config
from selfrec.source.fingerprints import (
    CHANGED,
    FINGERPRINTS,
    STALE,
    Compared,
    compare,
    fingerprint_users,
)
from selfrec.source.open import Source
from selfrec.source.weighting import weighting_of


@dataclass(frozen=True, kw_only=True)
class Changes:
    """What a run with --changed-only has to do."""

    compared: Compared
    users: str | None
    """Who is to be scored, in the form of the option --users."""
    companion: Companion
    note: str | None
    """Why everybody is scored."""


def find_changes(
    model: Model,
    config: Config,
    source: Source,
    users: str | None,
    earlier: Earlier | str,
    folder: Path,
    settings: dict[str, Any],
) -> Changes:
    """Compare the users of a source with those of the last run.

    config: the model's, with the options of this run. earlier: the fingerprints of the last run, or why there are
    none. folder: an empty one for the files this makes. settings: see settings_of.
    Raises EmptyDataError where there are no users, SourceError, ColumnError.
    """
    fingerprint_users(source, config, model.catalog, users)
    why = earlier if isinstance(earlier, str) else _why_everybody(model, earlier.basis.settings, settings)
    compared: Compared | None = None
    if why is None and isinstance(earlier, Earlier):
        try:
            compared = compare(source, earlier.path, folder)
        except SourceError:
            why = "the fingerprints of the last run cannot be read"
    if compared is None:
        compared = compare(source, None, folder)
    if not compared.users:
        raise EmptyDataError(f"{users or source.name}: no users to score; the result stays as it was")
    stale = folder / STALE if why is None else None
    return Changes(
        compared=compared,
        users=users if why is not None else str(folder / CHANGED),
        companion=Companion(
            settings=settings,
            fingerprints=folder / FINGERPRINTS,
            stale=stale,
            unchanged=stale is not None and compared.scored == compared.removed == 0,
        ),
        note=None if why is None else f"everybody was scored: {why}",
    )


def settings_of(
    model: Model, config: Config, source: Source, bias: Float32, types: tuple[str, str], id_form: IdForm
) -> dict[str, Any]:
    """All that every list depends on beside the user's own events, by the name a person knows.

    config: the model's, with the options of this run. types: SQL types of user and item ids.
    """
    files = {name: model.manifest.files[name].sha256 for name in (ITEMS, GRAPH_DATA) if name in model.manifest.files}
    weighting = weighting_of(source, config)
    cleaning = config.cleaning.model_dump(mode="json")
    settings: dict[str, Any] = {
        _MODEL: [model.sha256, files],
        "-k": config.scoring.k,
        "--repeats": config.scoring.repeats,
        _LISTS: hashlib.sha256(bias.tobytes()).hexdigest(),
        "how events are weighed": [
            config.events,
            {name: cleaning[name] for name in ("exclude_events", "fold", "half_life_days", "missing_weight")},
            cleaning["max_history"],
        ],
        "the columns of the source": [weighting.uniform, weighting.clock is None, id_form],
        ID_TYPES: list(types),
        "--batch-megabytes": config.scoring.batch_megabytes,
        _ENGINES: ENGINES,
    }
    if _reads_ages(model, config):
        span = source.span
        # An unknown time counts as the oldest, and fractions of a second are rounded from the oldest on.
        oldest = span.first if span.unknown_times or not span.whole_seconds else None
        settings["the newest event, from which this model counts back"] = [span.last, oldest]
    if not source.span.whole_seconds and source.mapping.time_type not in _MICROSECONDS:
        # Times finer than a tick are rounded from the oldest event on.
        settings["the oldest event"] = source.span.first
    return settings


_MODEL = "the model"
_LISTS = "--deny, --allow or --boost"
_ENGINES = "the engines"
_MICROSECONDS = ("DATE", "TIMESTAMP", "TIMESTAMP WITH TIME ZONE", "TIMESTAMP_MS", "TIMESTAMP_S")
"""Types of times that are whole microseconds, as ticks are."""


def _reads_ages(model: Model, config: Config) -> bool:
    """Whether another moment of scoring changes what the model reads of every user."""
    return config.cleaning.half_life_days is not None or "ages" in model.extra_inputs


def _why_everybody(model: Model, earlier: dict[str, Any], now: dict[str, Any]) -> str | None:
    if "user_features" in model.extra_inputs:
        return "the model reads columns of users, which no fingerprint covers"
    upgraded = engines_changed(earlier.get(_ENGINES))
    if upgraded is not None:
        return upgraded
    changed = [name for name in {**now, **earlier} if earlier.get(name) != now.get(name)]
    if _MODEL in changed:  # Another catalog is another hash of what the lists say of each item, also without lists.
        changed = [name for name in changed if name != _LISTS]
    return f"changed since the last run: {'; '.join(changed)}" if changed else None
