"""User columns that were given and that nothing reads: why, and what to do about it."""

from __future__ import annotations

from collections.abc import Iterable

from selfrec.model_folder.manifest import Manifest
from selfrec.pipeline.parts import Part
from selfrec.settings.tables import Config
from selfrec.source.dataset import Dataset
from selfrec.words import plural


def unread_columns(config: Config, dataset: Dataset, tried: Iterable[Part], manifest: Manifest) -> str | None:
    """A line where the model reads none of the user columns that the fit was given. tried: all parts it trained."""
    table = dataset.user_table
    if table is None or manifest.user_table is not None:
        return None
    if not table.labels:
        least = plural(config.cleaning.min_users_per_item, "user")
        return (
            f"--user-features: no column of {table.place!r} has a value that {least} or more have, so there is nothing "
            "to learn from; group the values in a view"
        )
    able = sorted({part.name for part in tried if "user_features" in part.record.reads(part.options)})
    if able:
        return (
            f"--user-features: the lists are no better with the {' and the '.join(able)}, which reads them, so no part "
            "of the exported pipeline does; `-o pipeline.keep=all` exports it all the same"
        )
    return "--user-features: no part of the exported pipeline reads them; `--preset full` has one that can"
