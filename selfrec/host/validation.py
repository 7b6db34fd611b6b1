"""What a record must keep so that its part can be named, configured and documented."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from selfrec.errors import PluginError
from selfrec.host.records import PartRecord
from selfrec.settings.base import PartOptions, Settings
from selfrec.settings.validation import is_table

NAME = re.compile(r"[a-z][a-z0-9_-]*")
"""Part names; also bare keys of TOML, and free of the `:` and `.` that have a meaning in the configuration."""


RESERVED = ("none", "nan", "inf", "true", "false")
"""Names that `-o pipeline.ranker=NAME` would take for a value."""


def check_record(record: Any, expected: type[PartRecord], hook: str) -> PartRecord:
    """The record itself, when it is sound; else PluginError says what the contract wanted."""
    if not isinstance(record, expected):
        raise PluginError(f"{hook} yields a {type(record).__name__}; it must yield {expected.__name__} records")
    if not isinstance(record.name, str) or not NAME.fullmatch(record.name):
        raise PluginError(f"{record.kind} {record.name!r}: a name is lower-case letters, digits, - and _, letter first")
    what = f"{record.kind} {record.name!r}"
    if record.name in RESERVED:
        raise PluginError(f"{what}: the command line reads {record.name!r} as a value; choose another name")
    if not isinstance(record.summary, str) or not record.summary.strip() or "\n" in record.summary:
        raise PluginError(f"{what}: the summary must be one line of text")
    _check_options(record.options, what)
    if not callable(record.build):
        raise PluginError(f"{what}: build is no function; give build(options, sizes) -> torch.nn.Module")
    if record.trainer is not None and not callable(record.trainer):
        raise PluginError(f"{what}: trainer is no function; give trainer(module, fitting) or leave it out")
    if not isinstance(record.excused, Mapping):
        raise PluginError(
            f"{what}: excused is {record.excused!r}; give a mapping of checks to reasons, or leave it out"
        )
    if not callable(record.inputs):
        record.reads(record.options.model_construct())
    return record


def _check_options(options: Any, what: str) -> None:
    if not (isinstance(options, type) and issubclass(options, PartOptions)):
        raise PluginError(f"{what}: options must be a subclass of selfrec.plugin.PartOptions")
    if options.model_config.get("extra") != "forbid":
        raise PluginError(f"{what}: options must forbid unknown keys; leave extra='forbid' as PartOptions sets it")
    for option in undocumented(options):
        raise PluginError(f"{what}: option {option!r} has no description; declare it with Field(..., description=...)")


def undocumented(options: type[Settings]) -> list[str]:
    """Dotted names of the fields without a description, nested tables included."""
    found = []
    for name, field in options.model_fields.items():
        if not (field.description or "").strip():
            found.append(name)
        if is_table(field.annotation):
            found += [f"{name}.{inner}" for inner in undocumented(field.annotation)]
    return found
