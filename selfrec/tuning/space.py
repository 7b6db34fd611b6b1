"""The options that a configuration leaves open and its parts let be searched."""

from __future__ import annotations

from typing import Any, get_args

from selfrec.host.records import Kind
from selfrec.pipeline.parts import Records, label_and_name, options_tables
from selfrec.settings.config import merged, named_parts
from selfrec.settings.search import Dimension, dimensions_of
from selfrec.settings.tables import Config
from selfrec.settings.validation import validated

Options = dict[str, Any]
"""Values by dotted name."""


def space_of(config: Config, records: Records) -> list[Dimension]:
    """The searched options of the pipeline's parts, in its order. Two faces of one module are searched once."""
    space: list[Dimension] = []
    seen: set[tuple[str, int]] = set()
    for kind in get_args(Kind):
        for text in named_parts(config, kind):
            label, name = label_and_name(text)
            record = records.get(kind, name)
            face = (label, id(record.build))
            if face in seen:
                continue
            seen.add(face)
            given = {key for other in get_args(Kind) for key in options_tables(config, other, label)}
            space += dimensions_of(record.options, f"{kind}.{label}", dict.fromkeys(given))
    return space


def with_options(config: Config, options: Options) -> Config:
    """The configuration with these options set."""
    values: dict[str, Any] = config.model_dump()
    for name, value in options.items():
        kind, label, option = name.split(".")
        values = merged(values, {kind: {label: {option: value}}})
    return validated(Config, values)
