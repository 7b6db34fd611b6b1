"""A model folder that was typed where something else belongs: most often two arguments are swapped."""

from __future__ import annotations

import os
from pathlib import Path

from selfrec.errors import SettingsError
from selfrec.model_folder.manifest import GRAPH, MANIFEST


def check_order(model: str, other: str) -> None:
    """Refuse MODEL and the argument after it in the wrong order. Raises SettingsError."""
    if _is_model(other) and not _is_model(model):
        raise SettingsError(
            f"{other}: is a model folder, and {model} is none, so the two are swapped; the model comes first: "
            f"{other} {model}"
        )


def check_source(source: str, model: str | None = None) -> None:
    """Refuse a model folder as a source: its Parquet files hold no events. Raises SettingsError.

    model: what was typed before it, where a model was asked for there.
    """
    if model is not None:
        check_order(model, source)
    if _is_model(source):
        raise SettingsError(f"{source}: is a model folder, no source; name a DuckDB file, or Parquet or CSV files")


def _is_model(place: str) -> bool:
    return os.path.isfile(Path(place) / MANIFEST) and os.path.isfile(Path(place) / GRAPH)
