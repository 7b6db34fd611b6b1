"""What the scripts of this folder share; imported from beside them, with numpy alone."""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np


class Task(NamedTuple):
    """The data of `benchmarks.synthetic.write_arrays`, and how many users of it are to be scored."""

    users: int
    k: int
    user_factors: np.ndarray
    """float32[U, d]."""
    item_factors: np.ndarray
    """float32[N, d]."""
    offsets: np.ndarray
    """int64[U + 1]: user u has seen items[offsets[u]:offsets[u + 1]]."""
    items: np.ndarray
    """int32[slots]."""


def read_task() -> Task:
    """From the command line: FOLDER USERS K."""
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("users", type=int)
    parser.add_argument("k", type=int)
    options = parser.parse_args()
    arrays = [np.load(options.folder / f"{name}.npy") for name in ("user_factors", "item_factors", "offsets", "items")]
    offsets = arrays[2][: options.users + 1]
    return Task(
        len(offsets) - 1, options.k, arrays[0][: len(offsets) - 1], arrays[1], offsets, arrays[3][: int(offsets[-1])]
    )


class Stopwatch:
    """Wall and CPU seconds inside a `with`; printed as the script's result at its end."""

    def __init__(self, users: int, settings: str) -> None:
        self._users, self._settings = users, settings

    def __enter__(self) -> Stopwatch:
        self._wall, self._cpu = time.perf_counter(), time.process_time()
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        wall, cpu = time.perf_counter() - self._wall, time.process_time() - self._cpu
        if kind is None:
            print(json.dumps({"users": self._users, "wall": wall, "cpu": cpu, "settings": self._settings}))
