"""How long a list is where nobody says: the same for the command line and for Python."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from selfrec.settings.config import changed

if TYPE_CHECKING:
    from selfrec.model_folder.reading import Model
    from selfrec.settings.tables import ScoringSettings

LISTED = 10
"""Items of one user's list where no length is asked for."""


def list_length(model: Model, asked: int | None) -> int:
    """What was asked for, which the scorer refuses where it is too much; else LISTED, or all that the model gives."""
    return min(LISTED, model.top_k) if asked is None else asked


def scoring_settings(model: Model, given: Mapping[str, Any]) -> ScoringSettings:
    """The fit's options of scoring with some given anew. A k that is not among these is cut to what the model gives.

    Raises SettingsError for a wrong option.
    """
    settings = changed(model.config.scoring, given, "scoring")
    return settings if "k" in given else settings.model_copy(update={"k": min(settings.k, model.top_k)})
