"""Checkpoints: a killed fit goes on from its last finished epoch, and finished parts are not trained again."""

from __future__ import annotations

import contextlib
import json
import os
import pickle
import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from selfrec.errors import PluginError, TargetError, one_line
from selfrec.files import locked, sync

RUN_FILE = "fit.json"

EVERY = 20.0
"""Seconds between two checkpoints of a part."""


@dataclass
class Saved:
    """What an interrupted part had reached."""

    curves: list[dict[str, float]] = field(default_factory=list)
    best: float = float("-inf")
    best_epoch: int = 0
    best_state: dict[str, Tensor] = field(default_factory=dict)


@dataclass
class Checkpoint:
    """The file of one part in training. Writing is skipped while epochs are shorter than `every` (EVERY) seconds."""

    path: Path | None
    _written: float = field(default_factory=time.monotonic)
    every: float | None = None

    def restore(self, keepers: Mapping[str, Any]) -> Saved:
        """Load the state of every keeper, where there is one. Raises PluginError where the part has changed since."""
        if self.path is None or not self.path.exists():
            return Saved()
        try:
            stored = torch.load(self.path, weights_only=True)
        except pickle.UnpicklingError as error:
            raise PluginError(
                "what the killed fit kept of its training is more than tensors, numbers, text, lists and mappings; the "
                "contract wants no other in a state_dict that fitting.epochs is given; fit without --resume"
            ) from error
        kept = stored["keepers"]
        try:
            for name, keeper in keepers.items():
                keeper.load_state_dict(kept[name])
        except (KeyError, RuntimeError, ValueError) as error:
            raise PluginError(
                f"what the killed fit kept of its training ({', '.join(kept)}) does not fit the part as it is now "
                f"({type(error).__name__}: {one_line(error)}); fit without --resume"
            ) from error
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
        every = EVERY if self.every is None else self.every
        if self.path is None or time.monotonic() - self._written < every:
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
class WorkFolder:
    """The folder beside the model that holds a fit's unfinished work; without a folder, nothing is kept.

        with WorkFolder.open(folder, identity, resume=True)[0] as work_folder: ...

    At the end of the `with` what was finished stays for the next fit; `close` removes it.
    """

    folder: Path | None
    dropped: Mapping[str, Any] | None = None
    """The identity of another fit, which was stopped and whose work was here."""
    every: float | None = None
    """Seconds between two checkpoints of a part; EVERY unless given."""
    _held: contextlib.ExitStack = field(default_factory=contextlib.ExitStack)

    @classmethod
    def open(cls, folder: Path, identity: Mapping[str, Any], *, resume: bool) -> tuple[WorkFolder, bool]:
        """Open the folder; its content is kept only if it belongs to the same fit and `resume` asks for it.

        Returns the work folder, which nobody else may use until it is left, and whether there was something to go on
        from. Raises TargetError while another process works in it, OSError.
        """
        text = json.dumps(identity, sort_keys=True, default=str)
        run = folder / RUN_FILE
        work_folder = cls(folder)
        folder.mkdir(parents=True, exist_ok=True)
        if not work_folder._held.enter_context(locked(folder)):
            raise TargetError(f"{folder}: another fit is writing this model; wait until it ends")
        same = resume and run.exists() and run.read_bytes() == text.encode()
        if not same:
            work_folder.dropped = _identity_in(run)
            for path in folder.iterdir():
                path.unlink()
            run.write_bytes(text.encode())
        return work_folder, same

    def __enter__(self) -> WorkFolder:
        return self

    def __exit__(self, *error: object) -> None:
        # Without anything finished there is nothing to go on from.
        if self.folder is not None and self.folder.is_dir() and not any(map(_is_kept, self.folder.iterdir())):
            self.close()
        self._held.close()

    def checkpoint(self, phase: str, key: str) -> Checkpoint:
        """The checkpoint of a part in training."""
        path = None if self.folder is None else self.folder / f"{phase}.{key}.checkpoint"
        return Checkpoint(path, every=self.every)

    def finished(self, phase: str, key: str, module: nn.Module) -> dict[str, Any] | None:
        """Load a finished part's weights into the module; its curves and best epoch, or None.

        None also for a part whose tensors got other shapes in training than it is built with: it is trained again.
        """
        if self.folder is None:
            return None
        path = self.folder / f"{phase}.{key}.finished"
        if not path.exists():
            return None
        stored: dict[str, Any] = torch.load(path, weights_only=True)
        state = stored.pop("state")
        if _shapes(state) != _shapes(module.state_dict()):
            return None
        module.load_state_dict(state)
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

    def keep(self, name: str, value: Mapping[str, Any]) -> None:
        """Keep a finding with tensors in it for the fit that goes on from here. Raises TargetError."""
        if self.folder is not None:
            write_whole(self.folder / f"{name}.kept", value)

    def kept(self, name: str) -> Any:
        """What an earlier, killed fit kept under this name, or None."""
        path = None if self.folder is None else self.folder / f"{name}.kept"
        return torch.load(path, weights_only=True) if path is not None and path.exists() else None

    def close(self) -> None:
        """The fit is done; its unfinished work is not needed any more."""
        if self.folder is not None:
            shutil.rmtree(self.folder, ignore_errors=True)


def _identity_in(run: Path) -> Mapping[str, Any] | None:
    """What a file says of a fit; None where there is no such file, or it says nothing."""
    try:
        found = json.loads(run.read_bytes())
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def write_whole(path: Path, stored: Mapping[str, Any]) -> None:
    """torch.save beside the file, then rename: a reader never sees half of it. Raises TargetError."""
    partial = path.with_name(path.name + ".partial")
    try:
        torch.save(dict(stored), partial)
        sync(partial)
        os.replace(partial, path)
    except (OSError, RuntimeError) as error:
        # Where the disk is full, torch raises a RuntimeError about its zip container.
        reason = one_line(error) if isinstance(error, OSError) else "torch could not write all of it: no space left?"
        raise TargetError(f"{path}: cannot be written ({reason}); make room and run again with --resume") from error


def _shapes(state: Mapping[str, Any]) -> dict[str, Any]:
    return {name: getattr(value, "shape", None) for name, value in state.items()}


def _is_kept(path: Path) -> bool:
    return path.name != RUN_FILE and path.suffix != ".partial"
