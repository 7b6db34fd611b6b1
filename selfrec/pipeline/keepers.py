"""What a checkpoint keeps of a training: the module, and what its trainer names beside it."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any

from selfrec.errors import PluginError
from selfrec.host.plugin_lines import line_now
from selfrec.pipeline.parts import Part

MODULE = "module"
"""The module's own name among them."""


def keepers_of(module: Any, state: Any, part: Part) -> dict[str, Any]:
    """Each by its name; `state` is what the trainer hands to `fitting.epochs`.

    Raises PluginError where something could not be kept: a checkpoint is only written once a training takes long.
    """
    if state is not None and not isinstance(state, Mapping):
        raise _refused(part, f"is a {type(state).__name__}", "a mapping of names to them, {'optimizer': optimizer}")
    given: dict[str, Any] = dict(state or {})
    if MODULE in given:
        raise _refused(part, f"names {MODULE!r}, which is the part's own module", "another name")
    for name, keeper in given.items():
        if not all(callable(getattr(keeper, method, None)) for method in ("state_dict", "load_state_dict")):
            raise _refused(
                part,
                f"has {name!r} of type {type(keeper).__name__}",
                "what has state_dict and load_state_dict; tell numbers by epoch.number, or keep them in buffers",
            )
    return {MODULE: module, **given}


def _refused(part: Part, found: str, wanted: str) -> PluginError:
    where = line_now(threading.get_ident(), part.record)
    return PluginError(f"{part.name}: the state of fitting.epochs {found}{where}; the contract wants {wanted}")
