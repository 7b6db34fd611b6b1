"""What makes two fits the same fit, so that one may go on where the other was stopped, and what tells them apart."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Container, Iterator, Mapping
from importlib.metadata import version
from typing import Any

import pyarrow as pa
import torch

from selfrec.histories import Float32
from selfrec.host.manager import PluginManager
from selfrec.host.records import Kind
from selfrec.host.sources import source_hash
from selfrec.model_folder.reading import open_model
from selfrec.settings.help import toml
from selfrec.settings.tables import Config
from selfrec.side_columns import SideTable
from selfrec.source.dataset import Dataset
from selfrec.words import shortened

Identity = Mapping[str, Any]

_TOLD = {
    "data": "the events have changed",
    "items": "the items or their columns have changed",
    "user_table": "the columns of users have changed",
    "item_table": "the columns of items have changed",
    "warm_start": "--warm-start is another",
}
"""How a change is told of what is no setting, by its name in the identity."""

SHOWN = 3
"""Most differences that are named."""

LONGEST = 40
"""Most characters of a value that are shown."""


def identity_of(
    config: Config,
    dataset: Dataset,
    warm_start: str | None,
    plugins: PluginManager,
    used: Container[tuple[Kind, str]],
) -> dict[str, Any]:
    """used: kind and name of every part that is to be trained."""
    warm = None if warm_start is None else open_model(warm_start).sha256
    return {
        "selfrec": version("selfrec"),
        "torch": torch.__version__,
        "config": config.model_dump(mode="json"),
        "data": dataset.fingerprint,
        "items": _content(dataset.catalog.table),
        "user_table": _side_identity(dataset.user_table, dataset.refit.user_features),
        "item_table": _side_identity(dataset.item_table, dataset.item_features),
        "warm_start": warm,
        "plugins": {
            info.name: {"from": info.provider, "source": source_hash(info)}
            for info in plugins.listing()
            if any((record.kind, record.name) in used for record in info.parts)
        },
    }


def starting_anew(stopped: Identity | None, now: Identity) -> str:
    """The line that says why a fit, `now`, does not go on with the one that was stopped.

    stopped: None where no fit was stopped.
    """
    if stopped is None:
        return "nothing to resume: no fit of this model was stopped; starting anew"
    found = list(_differences(stopped, json.loads(json.dumps(now, default=str))))
    more = f", and {len(found) - SHOWN} more" if len(found) > SHOWN else ""
    why = f"{', '.join(found[:SHOWN])}{more}" if found else "another selfrec wrote down what it was of"
    return f"cannot go on with the fit that was stopped: {why}; starting anew"


def _differences(stopped: Identity, now: Identity) -> Iterator[str]:
    for name in ("selfrec", "torch"):
        if stopped.get(name) != now[name]:
            yield f"{name} is {now[name]}, was {stopped.get(name)}"
    yield from _changed_settings(stopped.get("config"), now["config"], "")
    yield from (told for name, told in _TOLD.items() if stopped.get(name) != now[name])
    yield from _changed_plugins(stopped.get("plugins"), now["plugins"])


def _changed_plugins(stopped: Any, now: Mapping[str, Any]) -> Iterator[str]:
    if not isinstance(stopped, Mapping) or not all(isinstance(plugin, Mapping) for plugin in stopped.values()):
        # Earlier versions of selfrec noted the versions of distributions only.
        yield "another selfrec wrote down its plugins"
        return
    for name in sorted({*stopped, *now}):
        before, plugin = stopped.get(name), now.get(name)
        if plugin is None:
            yield f"plugin {name!r} ({stopped[name].get('from')}) is used no more"
        elif before is None:
            yield f"plugin {name!r} ({plugin['from']}) was not used"
        elif before.get("from") != plugin["from"]:
            yield f"plugin {name!r} is of {plugin['from']}, was of {before.get('from')}"
        elif before.get("source") != plugin["source"]:
            yield f"the source of plugin {name!r} ({plugin['from']}) has changed"


def _changed_settings(stopped: Any, now: Any, name: str) -> Iterator[str]:
    """Each option that has another value, by its dotted name."""
    if isinstance(stopped, Mapping) and isinstance(now, Mapping):
        for inner in sorted({*stopped, *now}):
            yield from _changed_settings(stopped.get(inner), now.get(inner), f"{name}.{inner}" if name else inner)
    elif stopped != now:
        yield f"{name} is {shortened(toml(now), LONGEST)}, was {shortened(toml(stopped), LONGEST)}"


def _content(table: pa.Table) -> str:
    """sha256 of the items with their ids, popularity and columns."""
    stream = pa.BufferOutputStream()
    with pa.ipc.new_stream(stream, table.schema) as writer:
        writer.write_table(table)
    return hashlib.sha256(stream.getvalue()).hexdigest()


def _side_identity(table: SideTable | None, features: Float32 | None) -> list[Any] | None:
    """What tells one table of user or item columns from another."""
    if table is None or features is None:
        return None
    return [table.model_dump(mode="json"), hashlib.sha256(features.tobytes()).hexdigest()]
