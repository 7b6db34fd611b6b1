"""An early check of the parts a configuration names: before any event is read, and without torch."""

from __future__ import annotations

import re
from typing import get_args

from selfrec.errors import SettingsError
from selfrec.host.manager import PluginManager
from selfrec.host.records import Kind, PartRecord
from selfrec.settings.config import named_parts, part_table
from selfrec.settings.tables import Config
from selfrec.settings.validation import suggestion, validated

LABEL = re.compile(r"[A-Za-z0-9_-]+")
"""Bare keys of TOML, and parts of file names."""


def check_parts(config: Config, plugins: PluginManager) -> dict[Kind, dict[str, PartRecord]]:
    """The records the pipeline names, by kind and label, once their names and options are found to be sound.

    Raises PluginError for an unknown part, SettingsError for a wrong option, a label used twice or a generator without
    the extractor that it is the other face of.
    """
    found: dict[Kind, dict[str, PartRecord]] = {kind: _named(config, kind, plugins) for kind in get_args(Kind)}
    _check_faces(config, found, plugins)
    for kind, records in found.items():
        for label, record in records.items():
            validated(record.options, part_table(config, kind, label), f"{kind}.{label}")
    labels = found["generator"]
    for label in config.pipeline.generator_weights:
        if label not in labels:
            raise SettingsError(
                f"unknown generator {label!r} in pipeline.generator_weights; {suggestion(label, labels)}"
            )
    return found


def _named(config: Config, kind: Kind, plugins: PluginManager) -> dict[str, PartRecord]:
    records: dict[str, PartRecord] = {}
    for named in named_parts(config, kind):
        label, colon, name = named.partition(":")
        if not label or (colon and not name):
            raise SettingsError(f"{kind} {named!r} is not NAME or LABEL:NAME; mend it in [pipeline]")
        if not LABEL.fullmatch(label):
            raise SettingsError(f"{kind} {named!r}: a label is letters, digits, - and _; choose another for {label!r}")
        if label in records:
            raise SettingsError(f"{kind} {label!r} is named twice in [pipeline]; give one a label: second:{label}")
        records[label] = plugins.get(kind, name or label)
    return records


def _check_faces(config: Config, found: dict[Kind, dict[str, PartRecord]], plugins: PluginManager) -> None:
    """A generator that shares its module with an extractor reads that extractor's features and is trained with it."""
    for label, record in found["generator"].items():
        twins = [other for _, other in plugins.parts("extractor") if other.shares_module(record)]
        beside = found["extractor"].get(label)
        if twins and (beside is None or not beside.shares_module(record)):
            named = label if label == record.name else f"{label}:{record.name}"
            wanted = ",".join([*config.pipeline.extractors, named])
            raise SettingsError(
                f"generator {named!r} is the other face of extractor {named!r} and reads its features, but [pipeline] "
                f"names no such extractor; add it: -o pipeline.extractors={wanted}"
            )
