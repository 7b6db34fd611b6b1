"""The plugin manager: guarded loading, conflicts, look-up. The only place that speaks to pluggy.

    plugins = PluginManager.load()
    record = plugins.get("generator", "gan")

A plugin that fails to load is skipped and kept in `plugins.listing()` with the reason; the rest works on.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable, Mapping
from importlib.metadata import EntryPoint, entry_points
from types import MappingProxyType
from typing import Any

import pluggy

from selfrec.cores import threads_that_sleep
from selfrec.errors import PluginError, one_line
from selfrec.host import hookspecs
from selfrec.host.commands import PluginCommand, collect_commands
from selfrec.host.listing import OWN, Loaded, PluginInfo, Status
from selfrec.host.plugin_lines import line_in
from selfrec.host.printing import kept_off_stdout
from selfrec.host.records import FeatureExtractor, Generator, Kind, PartRecord, Ranker
from selfrec.host.validation import check_record
from selfrec.settings.validation import suggestion

GROUP = "selfrec"
DISABLE = "SELFREC_DISABLE_PLUGINS"
"""Environment variable: plugins not to load, by NAME or DISTRIBUTION:NAME, separated by commas; `*` is all of them."""
SHOWN = 3
"""Most plugins that take no part of which an error about another name says why."""

_HOOKS: tuple[tuple[str, type[PartRecord]], ...] = (
    ("selfrec_feature_extractors", FeatureExtractor),
    ("selfrec_generators", Generator),
    ("selfrec_rankers", Ranker),
)
_log = logging.getLogger(__name__)


class PluginManager:
    """The plugins of this process. Make one and pass it on; there is no global one."""

    def __init__(self, disabled: Iterable[str] = ()) -> None:
        """An empty manager. disabled names plugins not to load, beside those of SELFREC_DISABLE_PLUGINS."""
        self._pluggy = pluggy.PluginManager(hookspecs.PROJECT)
        self._pluggy.add_hookspecs(hookspecs)
        self._disabled = {*disabled, *_names(os.environ.get(DISABLE, ""))}
        self._plugins: dict[str, Loaded] = {}
        self._silenced: set[str] = set()

    @classmethod
    def load(
        cls, disabled: Iterable[str] = (), points: Iterable[EntryPoint] | None = None, *, shipped: bool = True
    ) -> PluginManager:
        """A manager with every plugin that is installed.

        points: entry points to load in place of the installed ones. shipped: False leaves selfrec's own out.
        """
        manager = cls(disabled)
        found = sorted(entry_points(group=GROUP) if points is None else points, key=_turn)
        # A plugin may load torch before a fit does.
        with kept_off_stdout(), threads_that_sleep():
            for point in found:
                if shipped or PluginInfo.of(point).distribution != OWN:
                    manager._load(point)
        known = {name for point in found for name in (point.name, PluginInfo.of(point).full_name)}
        for name in sorted(manager._disabled - known - {"*"}):
            _log.warning("no plugin %r to disable; %s", name, suggestion(name, manager._plugins))
        return manager

    def register(self, plugin: object, name: str) -> None:
        """Add a module or object with hooks that no entry point names, as in a notebook.

        Raises PluginError where it breaks the contract; the manager is then as it was before.
        """
        if name in self._plugins:
            raise PluginError(f"plugin {name!r} is already registered; choose another name")
        records = self._register(plugin, name)
        self._plugins[name] = Loaded(
            PluginInfo(name, type(plugin).__name__, "", "", Status.LOADED, "", records), plugin
        )

    def get(self, kind: Kind, name: str) -> PartRecord:
        """The record of a part.

        Raises PluginError when no plugin offers it, or more than one.
        """
        offers = self._offers(kind)
        found = offers.get(name, [])
        if not found:
            raise PluginError(f"unknown {kind} {name!r}; {self._namesake(kind, name) or self._others(name, offers)}")
        if len(found) > 1:
            raise PluginError(_conflict(f"{kind} {name!r}", [info for info, _ in found]))
        return found[0][1]

    def parts(self, kind: Kind) -> list[tuple[PluginInfo, PartRecord]]:
        """Every part of a kind with the plugin that offers it, by name; conflicting ones are all there."""
        return [offer for _, found in sorted(self._offers(kind).items()) for offer in found]

    def listing(self) -> list[PluginInfo]:
        """Every plugin by name: loaded, disabled and broken ones. Loaded ones in conflict say with whom."""
        return [self._with_conflicts(loaded.info) for loaded in self._plugins.values()]

    def epoch_end(self, stage: str, plugin: str, epoch: int, metrics: Mapping[str, float]) -> None:
        """Tell every plugin of an epoch. A listener that fails is warned about once and told no more.

        metrics cannot be written to: the best epoch is chosen by them.
        """
        metrics = MappingProxyType(dict(metrics))
        for loaded in self._plugins.values():
            name = loaded.info.name
            if loaded.plugin is None or name in self._silenced:
                continue
            hook = self._caller(loaded.plugin, "selfrec_epoch_end")
            try:
                hook(stage=stage, plugin=plugin, epoch=epoch, metrics=metrics)
            except (Exception, SystemExit) as error:
                self._silenced.add(name)
                _log.warning(
                    "plugin %r failed in selfrec_epoch_end and is told no more: %s: %s",
                    name,
                    type(error).__name__,
                    one_line(error),
                )

    def commands(self, taken: Iterable[str] = ()) -> list[PluginCommand]:
        """The commands plugins add, by name; taken names are selfrec's own and no plugin may reuse them.

        A plugin that breaks here is skipped, and its line in the listing says why.
        """
        found: list[PluginCommand] = []
        for name, loaded in list(self._plugins.items()):
            if loaded.plugin is None:
                continue
            try:
                with kept_off_stdout():
                    added = collect_commands(self._caller(loaded.plugin, "selfrec_commands"), set(taken))
            except (Exception, SystemExit) as error:
                self._break(name, error)
            else:
                found += [PluginCommand(command_name, command, loaded.info) for command_name, command in added.items()]
        return sorted(found, key=lambda command: command.name)

    def command(self, name: str, taken: Iterable[str] = ()) -> PluginCommand | None:
        """The command of this name that a plugin adds, if any. Raises PluginError when two do."""
        found = [command for command in self.commands(taken) if command.name == name]
        if len(found) > 1:
            raise PluginError(_conflict(f"command {name!r}", [command.plugin for command in found]))
        return found[0] if found else None

    def _others(self, name: str, offers: Iterable[str]) -> str:
        """The next step after a name that no plugin has."""
        return f"{suggestion(name, offers)}{self.troubles()}"

    def _namesake(self, kind: Kind, name: str) -> str:
        """The next step where a plugin has the name that a part is looked for by: why it is missing, or its parts of
        this kind; else empty.
        """
        info = next((info for info in self.listing() if info.name == name), None)
        if info is None:
            return ""
        if info.status is not Status.LOADED:
            return f"plugin {name!r} is {info.status.value}: {info.reason}"
        offered = ", ".join(f"{kind} {record.name!r}" for record in info.parts if record.kind == kind)
        return f"plugin {name!r} offers {offered}" if offered else ""

    def troubles(self) -> str:
        """A hint for a name that is missing because its plugin is: those that take no part, and why; else empty."""
        missing = [info for info in self.listing() if info.status is not Status.LOADED]
        told = [f"; plugin {info.name!r} is {info.status.value}: {info.reason}" for info in missing[:SHOWN]]
        if len(missing) > SHOWN:
            told.append(f"; {len(missing) - SHOWN} more take no part: `selfrec plugins` says why")
        return "".join(told)

    def _load(self, point: EntryPoint) -> None:
        """Load it unless it is disabled; one whose name is taken has its distribution's before it."""
        info = PluginInfo.of(point)
        full_name = info.full_name
        if info.name in self._plugins:
            info = info.renamed(full_name)
        if info.name in self._plugins:
            other = self._plugins[info.name].info
            info = info.renamed(f"{info.name} ({info.module})")
            reason = f"plugin name {other.name!r} is taken by {other.provider}; uninstall one of them"
            self._plugins[info.name] = Loaded(info.broken(reason), None)
        elif self._disabled & {info.name, full_name, "*"}:
            self._plugins[info.name] = Loaded(info.disabled(), None)
        else:
            self._plugins[info.name] = self._guarded(point, info)

    def _guarded(self, point: EntryPoint, info: PluginInfo) -> Loaded:
        """Import and register; whatever goes wrong in foreign code becomes the plugin's reason."""
        try:
            plugin = point.load()
            return Loaded(info.loaded(self._register(plugin, info.name)), plugin)
        except PluginError as error:
            return Loaded(info.broken(str(error)), None)
        except (Exception, SystemExit) as error:
            where = line_in(error, point.module.partition(".")[0])
            return Loaded(info.broken(f"{type(error).__name__}: {one_line(error)}{where}"), None)

    def _register(self, plugin: object, name: str) -> tuple[PartRecord, ...]:
        if self._pluggy.is_registered(plugin):
            other = self._pluggy.get_name(plugin)
            raise PluginError(f"plugin {name!r} is what plugin {other!r} is already; remove one of the two names")
        try:
            self._pluggy.register(plugin, name)
            self._check_hooks(plugin)
            return self._records(plugin)
        except pluggy.PluginValidationError as error:
            raise PluginError(one_line(error)) from error
        except BaseException:
            self._pluggy.unregister(name=name)
            raise

    def _check_hooks(self, plugin: object) -> None:
        """Misspelt and unmarked hooks would be ignored in silence; a plugin without any hook is no plugin."""
        known = [name for name in vars(hookspecs) if name.startswith("selfrec_")]
        callers = self._pluggy.get_hookcallers(plugin) or []
        for caller in callers:
            if not caller.has_spec():
                raise PluginError(f"unknown hook {caller.name!r}; {suggestion(caller.name, known)}")
        if not callers:
            raise PluginError("it implements no hook; mark its functions with @selfrec.plugin.hookimpl")
        marked = [caller.name for caller in callers]
        for name in known:
            if name not in marked and callable(getattr(plugin, name, None)):
                raise PluginError(f"{name} is not marked as a hook; write @selfrec.plugin.hookimpl above it")

    def _records(self, plugin: object) -> tuple[PartRecord, ...]:
        records: list[PartRecord] = []
        marked = [caller.name for caller in self._pluggy.get_hookcallers(plugin) or []]
        for hook, expected in _HOOKS:
            returned = self._caller(plugin, hook)()
            if hook in marked and not returned:
                raise PluginError(f"{hook} returns nothing; it must yield records")
            for yielded in returned:
                for item in _iterable(yielded, hook):
                    record = check_record(item, expected, hook)
                    if any(record.kind == other.kind and record.name == other.name for other in records):
                        raise PluginError(f"{hook} yields {record.name!r} twice; give the second another name")
                    records.append(record)
        return tuple(records)

    def _caller(self, plugin: object, hook: str) -> pluggy.HookCaller:
        """One plugin's hook alone, so that an exception has one author."""
        others = [other for other in self._pluggy.get_plugins() if other is not plugin]
        return self._pluggy.subset_hook_caller(hook, others)

    def _break(self, name: str, error: BaseException) -> None:
        loaded = self._plugins[name]
        self._pluggy.unregister(loaded.plugin)
        reason = str(error) if isinstance(error, PluginError) else f"{type(error).__name__}: {one_line(error)}"
        self._plugins[name] = Loaded(loaded.info.broken(reason), None)

    def _offers(self, kind: Kind) -> dict[str, list[tuple[PluginInfo, PartRecord]]]:
        offers: dict[str, list[tuple[PluginInfo, PartRecord]]] = {}
        for loaded in self._plugins.values():
            for record in loaded.info.parts:
                if record.kind == kind:
                    offers.setdefault(record.name, []).append((loaded.info, record))
        return offers

    def _with_conflicts(self, info: PluginInfo) -> PluginInfo:
        for record in info.parts:
            rivals = [other for other, _ in self._offers(record.kind)[record.name]]
            if len(rivals) > 1:
                return info.noting(_conflict(f"{record.kind} {record.name!r}", rivals))
        return info


def _turn(point: EntryPoint) -> tuple[str, bool, str, str]:
    """The order of loading: by name; of one name, selfrec's own first."""
    distribution = PluginInfo.of(point).distribution
    return point.name, distribution != OWN, distribution, point.value


def _names(text: str) -> set[str]:
    return {name.strip() for name in text.split(",") if name.strip()}


def _iterable(yielded: Any, hook: str) -> Iterable[Any]:
    if not isinstance(yielded, Iterable) or isinstance(yielded, str):
        raise PluginError(f"{hook} returns a {type(yielded).__name__}; it must yield records")
    return yielded


def _conflict(what: str, plugins: Iterable[PluginInfo]) -> str:
    providers = " and ".join(f"{info.provider} (plugin {info.name!r})" for info in plugins)
    return f"{what} is offered by {providers}; uninstall one or set {DISABLE} to its plugin name"
