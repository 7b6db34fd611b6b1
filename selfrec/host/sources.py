"""What a plugin's code is: a hash of its source, so that an edited plugin is another one though its version is not."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterator
from contextlib import suppress
from importlib.machinery import all_suffixes
from importlib.metadata import PackageNotFoundError, distribution
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import PurePath
from typing import Any

from selfrec.host.listing import OWN, PluginInfo
from selfrec.host.plugin_lines import module_of

CODE = ("build", "trainer", "options", "inputs", "in_effect", "prepare", "portable")
"""Fields of a record that are code, or may be."""


def source_hash(info: PluginInfo) -> str:
    """sha256 of the plugin's code: of the package, or module, that its entry point names; of the modules that the
    functions of its parts are of; and of what modules its distribution lists (an editable one lists none).

    Modules in a zip file and in namespace packages count as any. Code without a file, as of a notebook, does not.
    """
    entry = _root(info.module.partition(":")[0])
    modules = {module_of(getattr(record, field, None)) for record in info.parts for field in CODE} - {""}
    # A part may call functions of another package: their own files will do, for that package has a version.
    others = {module for module in modules if _root(module) not in ("", entry)}
    # Each file is gone again once it is hashed.
    found = {path: hashlib.sha256(data).hexdigest() for path, data in _listed(info.distribution)}
    for name in others | {entry} - {""}:
        found.update((path, hashlib.sha256(data).hexdigest()) for path, data in _code(name, whole=name == entry))
    whole = hashlib.sha256()
    for name in sorted(found):
        whole.update(f"{name}\0{found[name]}\n".encode())
    return whole.hexdigest()


def _root(module: str) -> str:
    """The outermost package that it is in, or itself; namespace packages, which others may share, do not count."""
    words = module.split(".")
    outer = (".".join(words[:count]) for count in range(1, len(words) + 1))
    return next((name for name in outer if getattr(sys.modules.get(name), "__file__", None)), "")


def _code(name: str, *, whole: bool) -> Iterator[tuple[str, bytes]]:
    """The files of a module, or of all modules of a package where it is one and `whole` says so."""
    module = sys.modules.get(name)  # A function may name a module that does not exist.
    if whole and hasattr(module, "__path__"):
        with suppress(Exception):  # A loader need not know of files beside the package's own.
            yield from _files_in(files(name), name)
            return
    path = getattr(module, "__file__", None)
    if not path:  # It is a part of another module's extension, such as torch._C._nn.
        return
    with suppress(OSError):
        yield f"{name}/{PurePath(path).name}", _read(module, path)


def _files_in(folder: Traversable, name: str) -> Iterator[tuple[str, bytes]]:
    for entry in folder.iterdir():
        if entry.is_dir():
            if entry.name != "__pycache__":
                yield from _files_in(entry, f"{name}/{entry.name}")
        elif _is_code(entry.name):
            yield f"{name}/{entry.name}", entry.read_bytes()


def _read(module: Any, path: str) -> bytes:
    """The file of a module, in a zip file too. Raises OSError."""
    get_data = getattr(getattr(module, "__loader__", None), "get_data", None)
    if get_data is not None:
        data: bytes = get_data(path)
        return data
    with open(path, "rb") as file:
        return file.read()


def _listed(name: str) -> Iterator[tuple[str, bytes]]:
    """The modules that a distribution lists as its own."""
    if name in ("", OWN):  # Shipped plugins are told apart by their packages.
        return
    with suppress(PackageNotFoundError):
        for path in distribution(name).files or ():
            if _is_code(path.name) and "__pycache__" not in path.parts:
                with suppress(OSError):
                    yield str(path), path.read_binary()


def _is_code(name: str) -> bool:
    return name.endswith(tuple(all_suffixes()))
