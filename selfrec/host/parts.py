"""From the names in the configuration to the parts of a pipeline: records with checked options."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

from selfrec.errors import SettingsError
from selfrec.host.manager import PluginManager
from selfrec.host.records import FeatureExtractor, Generator, PartRecord, Ranker
from selfrec.settings.base import PartOptions
from selfrec.settings.config import named_parts
from selfrec.settings.tables import Config
from selfrec.settings.validation import suggestion, validated

RecordT = TypeVar("RecordT", bound=PartRecord)


@dataclass(frozen=True)
class Part(Generic[RecordT]):
    """A part in its place: the label it goes by, its record and its options."""

    label: str
    record: RecordT
    options: PartOptions


@dataclass(frozen=True)
class Parts:
    """Everything the pipeline names."""

    extractors: tuple[Part[FeatureExtractor], ...]
    generators: tuple[Part[Generator], ...]
    ranker: Part[Ranker] | None


def resolve_parts(config: Config, plugins: PluginManager) -> Parts:
    """The parts the configuration names.

    Raises PluginError for an unknown part, SettingsError for a wrong option or a label used twice.
    """
    extractors = _of_kind(FeatureExtractor, config, plugins)
    generators = _of_kind(Generator, config, plugins)
    rankers = _of_kind(Ranker, config, plugins)
    labels = [part.label for part in generators]
    for label in config.pipeline.generator_weights:
        if label not in labels:
            raise SettingsError(
                f"unknown generator {label!r} in pipeline.generator_weights; {suggestion(label, labels)}"
            )
    return Parts(extractors, generators, rankers[0] if rankers else None)


def _of_kind(kind: type[RecordT], config: Config, plugins: PluginManager) -> tuple[Part[RecordT], ...]:
    parts: list[Part[RecordT]] = []
    for named in named_parts(config, kind.kind):
        label, colon, name = named.partition(":")
        if colon and not (label and name):
            raise SettingsError(f"{kind.kind} {named!r} is not NAME or LABEL:NAME; mend it in [pipeline]")
        if any(part.label == label for part in parts):
            raise SettingsError(f"{kind.kind} {label!r} is named twice in [pipeline]; give one a label: second:{label}")
        record = plugins.get(kind, name or label)  # type: ignore[call-overload]
        given = getattr(config, kind.kind).get(label, {})
        parts.append(Part(label, record, validated(record.options, given, f"{kind.kind}.{label}")))
    return tuple(parts)
