"""Whether a trainer leaves the rows that it is handed as they are."""

from __future__ import annotations

import zlib
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from selfrec.histories import Histories
from selfrec.pipeline.fitting import Fitting

COLUMNS = ("offsets", "items", "weights", "ages", "user_features")


def checksums(fitting: Fitting) -> dict[str, int]:
    """A checksum of every array that a trainer shares with other parts, by its name on `fitting`."""
    return {
        name: zlib.crc32(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data)
        for name, array in _arrays(fitting)
    }


def _arrays(fitting: Fitting) -> Iterator[tuple[str, npt.NDArray[np.generic]]]:
    yield from _columns("fitting.histories", fitting.histories)
    if fitting.validation is not None:
        yield from _columns("fitting.validation.inputs", fitting.validation.inputs)
        yield from _columns("fitting.validation.targets", fitting.validation.targets)
    if fitting.candidate_rows is not None:
        yield from _columns("fitting.candidate_rows.inputs", fitting.candidate_rows.inputs)
    # Not through its property, which would count as the trainer looking at the columns (see Watched).
    item_features = vars(fitting)["item_features"]
    if item_features is not None:
        yield "fitting.item_features", item_features


def _columns(name: str, histories: Histories) -> Iterator[tuple[str, npt.NDArray[np.generic]]]:
    for column in COLUMNS:
        array = getattr(histories, column)
        if array is not None:
            yield f"{name}.{column}", array
