"""What a record must keep so that its part can be named, configured and documented."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, get_args

from pydantic import BaseModel

from selfrec.errors import PluginError, SettingsError, one_line
from selfrec.host.records import PartRecord
from selfrec.settings.base import PartOptions
from selfrec.settings.validation import validated

NAME = re.compile(r"[a-z][a-z0-9_-]*")
"""Part names; also bare keys of TOML, and free of the `:` and `.` that have a meaning in the configuration."""


RESERVED = ("none", "nan", "inf", "true", "false")
"""Names that `-o pipeline.ranker=NAME` would take for a value."""


FUNCTIONS = {
    "trainer": "trainer(module, fitting)",
    "in_effect": "in_effect(options, histories) -> mapping",
    "prepare": "prepare(module, fitting)",
}
"""Fields of a record that are functions where they are given."""


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
    _check_functions(record, what)
    if not isinstance(record.excused, Mapping):
        raise PluginError(
            f"{what}: excused is {record.excused!r}; give a mapping of checks to reasons, or leave it out"
        )
    if not callable(record.inputs):
        record.reads(record.options.model_construct())
    return record


def _check_functions(record: PartRecord, what: str) -> None:
    """The functions that a record may have, and a ranker's `portable`, which may be one."""
    for field, signature in FUNCTIONS.items():
        given = getattr(record, field, None)
        if given is not None and not callable(given):
            raise PluginError(f"{what}: {field} is no function; give {signature} or leave it out")
    portable = getattr(record, "portable", False)
    if not (isinstance(portable, bool) or callable(portable)):
        raise PluginError(f"{what}: portable is {portable!r}; give True, False or portable(options) -> bool")


def _check_options(options: Any, what: str) -> None:
    if not (isinstance(options, type) and issubclass(options, PartOptions)):
        raise PluginError(f"{what}: options must be a subclass of selfrec.plugin.PartOptions")
    if options.model_config.get("extra") != "forbid":
        raise PluginError(f"{what}: options must forbid unknown keys; leave extra='forbid' as PartOptions sets it")
    check_fields(options, what)
    if all(not field.is_required() for field in options.model_fields.values()):
        try:
            validated(options, {})
        except SettingsError as error:
            raise PluginError(f"{what}: its defaults are refused: {one_line(error)}") from error


def check_fields(options: type[BaseModel], what: str, prefix: str = "", within: tuple[type, ...] = ()) -> None:
    """Raises PluginError for a field without a description, or one whose name, or what it holds, is not looked at.

    Tables are looked into, also those in lists and mappings; within are the tables that the options stand in.
    """
    for name, field in options.model_fields.items():
        option = f"{prefix}{name}"
        if not (field.description or "").strip():
            raise PluginError(
                f"{what}: option {option!r} has no description; declare it with Field(..., description=...)"
            )
        config = options.model_config
        if field.validation_alias is not None and not (
            config.get("populate_by_name") or config.get("validate_by_name")
        ):
            raise PluginError(
                f"{what}: option {option!r} has the alias {field.validation_alias!r}, but configurations know one "
                "by its field's name alone; rename the field, or set validate_by_name=True in model_config"
            )
        for table in _tables(field.annotation):
            if table.model_config.get("extra") != "forbid":
                raise PluginError(
                    f"{what}: option {option!r} is made of {table.__name__}, where a misspelt name would pass unseen; "
                    f"derive {table.__name__} from selfrec.plugin.PartOptions"
                )
            if table not in within:
                check_fields(table, what, f"{option}.", (*within, table))


def _tables(annotation: Any) -> Iterator[type[BaseModel]]:
    """The models in a type: itself, or those of a union, a list or a mapping."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in get_args(annotation):
        yield from _tables(inner)
