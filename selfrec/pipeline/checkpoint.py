"""Checkpoints: a killed fit goes on from its last finished epoch, and finished parts are not trained again."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

RUN_FILE = "fit.json"


@dataclass
class Saved:
    """What an interrupted part had reached."""

    curves: list[dict[str, float]] = field(default_factory=list)
    best: float = float("-inf")
    best_epoch: int = 0
    best_state: dict[str, Tensor] = field(default_factory=dict)


@dataclass
class Checkpoint:
    """The file of one part in training. Writing is skipped while epochs are shorter than `every` seconds."""

    path: Path | None
    every: float = 20.0
    _written: float = field(default_factory=time.monotonic)

    def restore(self, keepers: Mapping[str, Any]) -> Saved:
        """Load the state of every keeper, where there is one."""
        if self.path is None or not self.path.exists():
            return Saved()
        stored = torch.load(self.path, weights_only=True)
        for name, keeper in keepers.items():
            keeper.load_state_dict(stored["keepers"][name])
        return Saved(stored["curves"], stored["best"], stored["best_epoch"], stored["best_state"])

    def save(
        self,
        keepers: Mapping[str, Any],
        curves: list[dict[str, float]],
        best: float,
        best_epoch: int,
        best_state: dict[str, Tensor],
    ) -> None:
        """Write the state of every keeper, whole or not at all."""
        if self.path is None or time.monotonic() - self._written < self.every:
            return
        stored = {
            "keepers": {name: keeper.state_dict() for name, keeper in keepers.items()},
            "curves": curves,
            "best": best,
            "best_epoch": best_epoch,
            "best_state": best_state,
        }
        write_whole(self.path, stored)
        self._written = time.monotonic()


@dataclass
class Workshop:
    """The folder beside the model that holds a fit's unfinished work. None: nothing is kept."""

    folder: Path | None

    @classmethod
    def open(cls, folder: Path, identity: Mapping[str, Any], *, resume: bool) -> tuple[Workshop, bool]:
        """Open the folder; its content is kept only if it belongs to the same fit and `resume` asks for it.

        Returns the workshop and whether there was something to go on from.
        """
        text = json.dumps(identity, sort_keys=True, default=str)
        run = folder / RUN_FILE
        same = resume and run.exists() and run.read_text(encoding="utf-8") == text
        if not same:
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
            run.write_text(text, encoding="utf-8")
        return cls(folder), same

    def checkpoint(self, phase: str, key: str) -> Checkpoint:
        """The checkpoint of a part in training."""
        return Checkpoint(None if self.folder is None else self.folder / f"{phase}.{key}.checkpoint")

    def finished(self, phase: str, key: str, module: nn.Module) -> dict[str, Any] | None:
        """Load a finished part's weights into the module; its curves and best epoch, or None."""
        if self.folder is None:
            return None
        path = self.folder / f"{phase}.{key}.finished"
        if not path.exists():
            return None
        stored: dict[str, Any] = torch.load(path, weights_only=True)
        module.load_state_dict(stored.pop("state"))
        module.eval()
        return stored

    def finish(self, phase: str, key: str, module: nn.Module, notes: Mapping[str, Any]) -> None:
        """Keep a finished part's weights and notes."""
        if self.folder is None:
            return
        write_whole(self.folder / f"{phase}.{key}.finished", {"state": module.state_dict(), **notes})
        (self.folder / f"{phase}.{key}.checkpoint").unlink(missing_ok=True)

    def note(self, name: str, value: Any) -> None:
        """Keep a finding, anything JSON can hold, for the fit that goes on from here."""
        if self.folder is not None:
            partial = self.folder / f"{name}.json.partial"
            partial.write_text(json.dumps(value), encoding="utf-8")
            os.replace(partial, self.folder / f"{name}.json")

    def noted(self, name: str) -> Any:
        """The finding of an earlier, killed fit, or None."""
        path = None if self.folder is None else self.folder / f"{name}.json"
        return json.loads(path.read_text(encoding="utf-8")) if path is not None and path.exists() else None

    def close(self) -> None:
        """The fit is done; its unfinished work is not needed any more."""
        if self.folder is not None:
            shutil.rmtree(self.folder, ignore_errors=True)


def write_whole(path: Path, stored: Mapping[str, Any]) -> None:
    """torch.save beside the file, then rename: a reader never sees half of it."""
    partial = path.with_name(path.name + ".partial")
    torch.save(dict(stored), partial)
    os.replace(partial, path)
