"""The curves of one process as TensorBoard's event files."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from datetime import datetime
from importlib.util import find_spec
from pathlib import Path
from typing import Any


class Curves:
    """A folder of its own for the process, and in it one run a training: FOLDER/2026-11-24T10.15.00-4711/1, 2, ...

    The hook tells no more than stage, part and epoch, so a part whose epochs begin again is in its next training: the
    first is the selection, the second the refit, or the next trial of a search.
    """

    def __init__(self, folder: str) -> None:
        """Raises ModuleNotFoundError that says what to install."""
        if find_spec("tensorboardX") is None:
            raise ModuleNotFoundError(
                "SELFREC_TRACK_DIR needs the package tensorboardX: pip install 'selfrec[tracking]'"
            )
        self.folder = Path(folder) / f"{datetime.now():%Y-%m-%dT%H.%M.%S}-{os.getpid()}"
        self._writers: dict[int, Any] = {}
        self._reached: dict[tuple[str, str], tuple[int, int]] = {}
        """By stage and part: which training, and its last epoch."""

    def write(self, stage: str, plugin: str, epoch: int, metrics: Mapping[str, float]) -> None:
        """Write an epoch's figures as `stage/plugin/figure`; they are on disk when this returns."""
        training, last = self._reached.get((stage, plugin), (1, 0))
        if epoch <= last:
            training += 1
        self._reached[stage, plugin] = training, epoch
        if training not in self._writers:
            self._writers[training] = _writer(self.folder / str(training))
        writer = self._writers[training]
        for figure, value in metrics.items():
            writer.write_event(_event(f"{stage}/{plugin}/{figure.replace('@', '_at_')}", value, epoch))
        writer.flush()


def _writer(folder: Path) -> Any:
    """An event file. Not a SummaryWriter, whose thread would still hold the last epochs when a fit is killed."""
    from tensorboardX.event_file_writer import EventsWriter

    folder.mkdir(parents=True)
    return EventsWriter(str(folder / "events"))


def _event(tag: str, value: float, step: int) -> Any:
    from tensorboardX.proto.event_pb2 import Event
    from tensorboardX.summary import scalar

    return Event(wall_time=time.time(), step=step, summary=scalar(tag, value))
