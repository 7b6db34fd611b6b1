"""The options that a configuration leaves open and its parts let be searched."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import reduce
from typing import Any, get_args

from selfrec.errors import PluginError, one_line
from selfrec.histories import Histories
from selfrec.host.plugin_lines import line_of
from selfrec.host.records import Kind, PartRecord
from selfrec.pipeline.part_building import Records, part_options
from selfrec.settings.config import label_and_name, merged, named_parts, part_table, table_of
from selfrec.settings.search import Dimension, dimensions_of
from selfrec.settings.tables import Config
from selfrec.settings.validation import validated

Options = dict[str, Any]
"""Values by dotted name."""


@dataclass(frozen=True)
class _Face:
    """A module of the pipeline, as the first of its parts names it."""

    label: str
    record: PartRecord
    tables: list[Mapping[str, Any]]
    """What the configuration says of it, under any kind."""


def space_of(config: Config, records: Records) -> list[Dimension]:
    """The searched options of the pipeline's parts, in its order. Two faces of one module are searched once."""
    space: list[Dimension] = []
    for face in _faces(config, records):
        given: Mapping[str, Any] = reduce(merged, face.tables)
        space += dimensions_of(face.record.options, f"{face.record.kind}.{face.label}", given)
    return space


def in_effect(config: Config, records: Records, histories: Histories) -> str:
    """What trains the pipeline's parts on these rows: configurations of one answer give one model.

    Raises SettingsError for options that a part refuses, PluginError where a part cannot say.
    """
    return repr([(face.record.kind, face.label, _effect(face, histories)) for face in _faces(config, records)])


def _effect(face: _Face, histories: Histories) -> list[tuple[str, Any]]:
    record, options = face.record, part_options(face.record, face.label, face.tables)
    if record.in_effect is None:
        return sorted(options.model_dump().items())
    try:
        return sorted(record.in_effect(options, histories).items())
    except Exception as error:
        raise PluginError(
            f"{record.kind} {record.name!r}: in_effect failed: {type(error).__name__}: {one_line(error)}"
            f"{line_of(error, record, record.in_effect)}; the contract wants in_effect(options, histories) "
            "-> a mapping of names to values"
        ) from error


def _faces(config: Config, records: Records) -> Iterator[_Face]:
    seen: list[tuple[str, PartRecord]] = []
    for kind in get_args(Kind):
        for text in named_parts(config, kind):
            label, name = label_and_name(text)
            record = records.get(kind, name)
            if any(label == other and record.shares_module(face) for other, face in seen):
                continue
            seen.append((label, record))
            yield _Face(label, record, [part_table(config, other, label) for other in get_args(Kind)])


def with_options(config: Config, options: Options) -> Config:
    """The configuration with these options set."""
    values: dict[str, Any] = config.model_dump()
    for name, value in options.items():
        values = merged(values, table_of(name, value))
    return validated(Config, values)
