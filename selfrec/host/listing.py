"""What is known of a plugin: where it comes from, whether it works, what it offers."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum
from importlib.metadata import EntryPoint

from selfrec.host.records import PartRecord

OWN = "selfrec"
"""The distribution of shipped plugins, which keep their names when others have the same."""


class Status(Enum):
    """Whether a plugin takes part."""

    LOADED = "loaded"
    DISABLED = "disabled"
    BROKEN = "broken"


@dataclass(frozen=True)
class PluginInfo:
    """A line of `selfrec plugins`."""

    name: str
    """The entry point's name, or its full name where another plugin has that."""
    module: str
    distribution: str
    """The distribution that brings it; empty when it was registered by hand."""
    version: str
    status: Status
    reason: str
    """Why it is disabled or broken, or whom it is in conflict with; else empty."""
    parts: tuple[PartRecord, ...] = ()

    @classmethod
    def of(cls, point: EntryPoint) -> PluginInfo:
        """What the entry point tells without importing the plugin."""
        distribution = point.dist
        name = distribution.name if distribution else ""
        version = distribution.version if distribution else ""
        return cls(point.name, point.value, name, version, Status.LOADED, "")

    @property
    def provider(self) -> str:
        """The distribution and its version, or the module where there is none."""
        return f"{self.distribution} {self.version}" if self.distribution else f"module {self.module}"

    @property
    def full_name(self) -> str:
        """DISTRIBUTION:NAME of a plugin that was not renamed; the module stands where there is no distribution."""
        return f"{self.distribution or self.module}:{self.name}"

    def loaded(self, parts: tuple[PartRecord, ...]) -> PluginInfo:
        """The same plugin with what it offers."""
        return replace(self, parts=parts)

    def broken(self, reason: str) -> PluginInfo:
        """The same plugin, skipped for this reason."""
        return replace(self, status=Status.BROKEN, reason=reason, parts=())

    def disabled(self) -> PluginInfo:
        """The same plugin, left out because the user says so."""
        return replace(self, status=Status.DISABLED, reason="left out by request", parts=())

    def noting(self, reason: str) -> PluginInfo:
        """The same plugin with a remark."""
        return replace(self, reason=reason)

    def renamed(self, name: str) -> PluginInfo:
        """The same plugin under another name."""
        return replace(self, name=name)


@dataclass(frozen=True)
class Loaded:
    """A plugin as the manager keeps it; `plugin` is None unless it takes part."""

    info: PluginInfo
    plugin: object | None
