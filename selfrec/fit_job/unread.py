"""Columns of users and items that were given and that nothing reads: why, and what to do about it."""

from __future__ import annotations

from collections.abc import Iterable

from selfrec.fit_job.fitted_pipeline import FittedPipeline
from selfrec.model_folder.manifest import Manifest
from selfrec.pipeline.parts import Part
from selfrec.side_columns import SideTable
from selfrec.words import plural


def unread_columns(fitted: FittedPipeline, manifest: Manifest) -> tuple[str, ...]:
    """A line for each of the two tables that the fit was given and the model reads no column of."""
    dataset, parts = fitted.dataset, fitted.parts
    tried = [trained.part for trained in parts.trained.values()]
    least = plural(fitted.config.cleaning.min_users_per_item, "user")
    lines = []
    if dataset.user_table is not None and manifest.user_table is None:
        able = [part for part in tried if "user_features" in part.record.reads(part.options)]
        lines.append(_why("user", dataset.user_table, able, least))
    if dataset.item_table is not None and not any(part.key in parts.item_readers for part in fitted.final.parts):
        able = [part for part in tried if part.key in parts.item_readers]
        lines.append(_why("item", dataset.item_table, able, least))
    return tuple(lines)


def _why(side: str, table: SideTable, able: Iterable[Part], least: str) -> str:
    """able: the parts that were trained and read such columns."""
    of = "items of " if side == "item" else ""
    if not table.labels:
        return (
            f"--{side}-features: no column of {table.place!r} has a value that {of}{least} or more have, so there is "
            "nothing to learn from; group the values in a view or in the files"
        )
    names = sorted({part.name for part in able})
    if names:
        return (
            f"--{side}-features: the lists are no better with the {' and the '.join(names)}, which reads them, so no "
            "part of the exported pipeline does; `-o pipeline.keep=all` exports it all the same"
        )
    return f"--{side}-features: no part of the exported pipeline reads them; `--preset full` has one that can"
