"""Curves for TensorBoard: each epoch of a fit, in the folder that SELFREC_TRACK_DIR names. Off unless it is set.

    SELFREC_TRACK_DIR=curves selfrec fit shop.duckdb --out model
    tensorboard --logdir curves

Needs the package tensorboardX: pip install 'selfrec[tracking]'.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING

from selfrec.plugin import hookimpl

if TYPE_CHECKING:
    from selfrec_tracking.curves import Curves

FOLDER = "SELFREC_TRACK_DIR"
"""Environment variable: where the curves go; unset or empty, nothing is written or imported."""

_open: dict[str, Curves] = {}
"""The curves of this process by the folder that was asked for."""


@hookimpl
def selfrec_epoch_end(stage: str, plugin: str, epoch: int, metrics: Mapping[str, float]) -> None:
    """Write the figures of an epoch."""
    folder = os.environ.get(FOLDER)
    if not folder:
        return
    if folder not in _open:
        from selfrec_tracking.curves import Curves

        _open[folder] = Curves(folder)
    _open[folder].write(stage, plugin, epoch, metrics)
