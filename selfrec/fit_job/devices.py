"""The device that a fit runs on, and torch's own settings for the length of it."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

from selfrec.cores import available_cores
from selfrec.errors import SettingsError
from selfrec.settings.tables import TrainingSettings


@contextmanager
def torch_settings(settings: TrainingSettings) -> Iterator[torch.device]:
    """The device, with torch's threads and determinism set for the length of a fit and put back afterwards."""
    threads, deterministic = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    # torch itself knows of no container's limit.
    asked = min(threads, available_cores()) if settings.threads is None else settings.threads
    if asked != threads:
        torch.set_num_threads(asked)
    torch.use_deterministic_algorithms(True, warn_only=True)
    # Otherwise deterministic mode also fills every new tensor, a debugging aid that costs a pass over its memory.
    memory: Any = torch.utils.deterministic
    filling = memory.fill_uninitialized_memory
    memory.fill_uninitialized_memory = False
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Sparse (CSR tensor support|invariant checks)")
            yield device_of(settings.device)
    finally:
        torch.set_num_threads(threads)
        torch.use_deterministic_algorithms(deterministic)
        memory.fill_uninitialized_memory = filling


def device_of(name: str) -> torch.device:
    """The device of that name; `auto` is a GPU where there is one. Raises SettingsError where it is not there."""
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        # Copying tells whether it holds numbers: the device "meta" does not.
        torch.empty(0, device=device).cpu()
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        raise SettingsError(f"training.device {name!r} is not there on this machine; use auto or cpu") from error
    return device
