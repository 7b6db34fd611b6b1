"""What the commands on plugins share: plugins and parts by the names people type, and a plugin as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, get_args

if TYPE_CHECKING:
    from selfrec.host.listing import PluginInfo
    from selfrec.host.manager import PluginManager
    from selfrec.host.records import PartRecord


def find_parts(plugins: PluginManager, name: str) -> list[tuple[PluginInfo, list[PartRecord]]]:
    """The plugin of this name with all its parts, else every plugin with a part of this name."""
    from selfrec.errors import PluginError
    from selfrec.host.records import Kind
    from selfrec.settings.validation import suggestion

    listing = plugins.listing()
    found = [(info, list(info.parts)) for info in listing if info.name == name]
    if not found:
        offers = [offer for kind in get_args(Kind) for offer in plugins.parts(kind) if offer[1].name == name]
        providers = {info.name: info for info, _ in offers}
        found = [(info, [record for other, record in offers if other.name == info.name]) for info in providers.values()]
    if not found:
        names = {info.name for info in listing} | {record.name for info in listing for record in info.parts}
        raise PluginError(f"unknown plugin or part {name!r}; {suggestion(name, names)}")
    return found


def plugin_dict(info: PluginInfo) -> dict[str, Any]:
    """A plugin for --json."""
    return {
        "name": info.name,
        "module": info.module,
        "distribution": info.distribution,
        "version": info.version,
        "status": info.status.value,
        "reason": info.reason,
        "parts": [{"kind": record.kind, "name": record.name, "summary": record.summary} for record in info.parts],
    }
