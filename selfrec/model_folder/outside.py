"""Files that commands write for a person stand outside of model folders, which hold what their manifest lists."""

from __future__ import annotations

import os
from pathlib import Path

from selfrec.errors import TargetError
from selfrec.model_folder.manifest import GRAPH, MANIFEST


def check_outside(path: Path) -> None:
    """Refuse a place in a model folder, also one that a link leads to. Raises TargetError."""
    _check(path, within=0)


def check_apart(model: Path) -> None:
    """The same for a model folder to be written, which may stand in the place of another but not in one: the next fit
    of that one would take it away. Raises TargetError."""
    _check(model, within=1)


def _check(path: Path, within: int) -> None:
    # Unlike Path's, these say nothing of links in a circle or folders that may not be read: writing there will.
    for place in (Path(os.path.realpath(path.parent)) / path.name, Path(os.path.realpath(path))):
        for folder in (place, *place.parents)[within:]:
            if os.path.isfile(folder / MANIFEST) and os.path.isfile(folder / GRAPH):
                raise TargetError(f"{str(path)!r} is in the model folder {str(folder)!r}; choose a place outside of it")
