"""How long a list is where nobody says, and how long it may be: the same for the command line and for Python."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from selfrec.errors import SettingsError
from selfrec.settings.config import changed
from selfrec.words import plural

if TYPE_CHECKING:
    from selfrec.model_folder.reading import Model
    from selfrec.settings.tables import ScoringSettings

LISTED = 10
"""Items of one user's list where no length is asked for."""


def list_length(model: Model, asked: int | None) -> int:
    """What was asked for; else LISTED, or all that the model gives. Raises SettingsError where it is too much."""
    if asked is None:
        return min(LISTED, model.top_k)
    check_length(model, asked)
    return asked


def check_length(model: Model, k: int) -> None:
    """Raises SettingsError where k is less than 1 or more than the model gives."""
    if k < 1:
        raise SettingsError(f"k = {k}; ask for at least 1 item")
    if k <= model.top_k:
        return
    longer = f"fit with -o pipeline.top_k={k}"
    if k > model.n_items:
        longer = f"fit with more items (the catalog has only {plural(model.n_items, 'item')})"
    raise SettingsError(
        f"k = {k}, but the model {str(model.path)!r} gives lists of at most {model.top_k}; ask for fewer or {longer}"
    )


def scoring_settings(model: Model, given: Mapping[str, Any]) -> ScoringSettings:
    """The fit's options of scoring with some given anew. A k that is not among these is cut to what the model gives.

    Raises SettingsError for a wrong option.
    """
    settings = changed(model.config.scoring, given, "scoring")
    return settings if "k" in given else settings.model_copy(update={"k": min(settings.k, model.top_k)})
