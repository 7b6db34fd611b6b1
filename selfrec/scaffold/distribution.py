"""A new plugin's files."""

from __future__ import annotations

import keyword
import re
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING

from selfrec.errors import SettingsError, TargetError, one_line
from selfrec.host.validation import RESERVED

if TYPE_CHECKING:
    from selfrec.host.manager import PluginManager

HOOKS = {
    "generator": "selfrec_generators",
    "extractor": "selfrec_feature_extractors",
    "ranker": "selfrec_rankers",
}
SUMMARIES = {
    "generator": "Items that the same users chose, by cosine.",
    "extractor": "Where a user's items lie along the main directions of taste.",
    "ranker": "Generator scores, corrected by how features suit an item.",
}
USES = {
    "generator": "-o pipeline.generators=autoencoder,{name}",
    "extractor": "-o pipeline.extractors=autoencoder,{name} --preset full",
    "ranker": "-o pipeline.ranker={name}",
}
NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")


def check_free(kind: str, name: str, plugins: PluginManager) -> None:
    """Refuse a name that an installed plugin, or a part of this kind, has already. Raises SettingsError."""
    for info in plugins.listing():
        if info.name == name or any((part.kind, part.name) == (kind, name) for part in info.parts):
            what = "plugin" if info.name == name else kind
            raise SettingsError(f"{what} {name!r} exists already, from {info.provider}; choose another with --name")


def new_distribution(folder: Path, kind: str, name: str) -> list[str]:
    """Write a distribution for a part of this kind and name; the files written, in the order of reading.

    Raises SettingsError for a name that cannot be one, TargetError where the folder exists or cannot be written.
    """
    if not NAME.fullmatch(name):
        raise SettingsError(f"plugin name {name!r}: use lower-case letters, digits and single dashes, a letter first")
    if keyword.iskeyword(name.replace("-", "_")):
        raise SettingsError(f"plugin name {name!r}: it is a word of Python's own; choose another with --name")
    if name in RESERVED:
        raise SettingsError(f"plugin name {name!r}: the command line reads it as a value; choose another with --name")
    module = f"selfrec_{name.replace('-', '_')}"
    words = {
        "name": name,
        "kind": kind,
        "module": module,
        "distribution": f"selfrec-{name}",
        "hook": HOOKS[kind],
        "summary": SUMMARIES[kind],
        "use": USES[kind].format(name=name),
    }
    texts = {
        "README.md": "readme.md",
        f"{module}.py": f"{kind}.py",
        f"test_{module}.py": "test.py",
        "pyproject.toml": "pyproject.toml",
    }
    if folder.exists():
        raise TargetError(f"{str(folder)!r} exists; name a folder that does not")
    try:
        folder.mkdir(parents=True)
        for path, template in texts.items():
            text = files("selfrec.scaffold").joinpath("templates", f"{template}.txt").read_text(encoding="utf-8")
            (folder / path).write_text(Template(text).substitute(words), encoding="utf-8")
    except OSError as error:
        raise TargetError(f"{str(folder)!r} cannot be written ({one_line(error)}); name another folder") from error
    return list(texts)
