"""Builds parts: options from the tables of the configuration, the module by the record, with a seed of its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from pydantic import ValidationError
from torch import nn

from selfrec.errors import PluginError, SettingsError, one_line
from selfrec.host.plugin_lines import line_of
from selfrec.host.records import Kind, PartRecord, Sizes
from selfrec.pipeline.parts import Part
from selfrec.pipeline.remedies import lack_of_memory, missing_package
from selfrec.pipeline.seeding import seeded
from selfrec.settings.base import PartOptions

BUILD = "build(options, sizes) -> torch.nn.Module"
"""What the contract wants of a record's `build`."""


class Records(Protocol):
    """Where records come from: the plugin host, or a test."""

    def get(self, kind: Kind, name: str) -> PartRecord: ...


def part_options(record: PartRecord, label: str, tables: list[Mapping[str, Any]]) -> PartOptions:
    """The options of a part from its tables in the configuration (two where a module has two faces)."""
    merged: dict[str, Any] = {}
    for table in tables:
        for key, value in table.items():
            if key in merged and merged[key] != value:
                raise SettingsError(
                    f"{label}: option {key!r} is {merged[key]!r} for the extractor and {value!r} for the generator, "
                    "but the two share one module; give it once"
                )
            merged[key] = value
    try:
        return record.options.model_validate(merged)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join([record.kind, label, *map(str, first["loc"])])
        if first["type"] == "missing":
            raise SettingsError(
                f"{where} has no default: give it a value with -o {where}=...; see `selfrec plugins show {record.name}`"
            ) from error
        raise SettingsError(
            f"{where}: {first['msg']} (got {first.get('input')!r}); see `selfrec plugins show {record.name}`"
        ) from error


def build_part(record: PartRecord, label: str, options: PartOptions, sizes: Sizes, seed: int) -> Part:
    """Build the module with its own seed, so that one part's draws do not move another's."""
    with seeded(seed):
        name, wanted = f"{record.kind} {record.name!r}", f"the contract wants {BUILD}"
        try:
            module = record.build(options, sizes)
        except PluginError as error:
            raise PluginError(f"{name}: {one_line(error)}") from error
        except (Exception, SystemExit) as error:
            short = lack_of_memory(error, options, f"{record.kind}.{label}")
            if short is not None:
                raise PluginError(f"{name}: build {short}") from error
            missing = missing_package(error)
            if missing is not None:
                raise PluginError(f"{name}: build {missing}{line_of(error, record, record.build)}") from error
            raise PluginError(
                f"{name}: build failed: {type(error).__name__}: {one_line(error)}"
                f"{line_of(error, record, record.build)}; {wanted}: --verbose shows the traceback"
            ) from error
    if not isinstance(module, nn.Module):
        raise PluginError(f"{name}: build returned a {type(module).__name__}; {wanted}")
    return Part(kind=record.kind, label=label, record=record, options=options, module=module)
