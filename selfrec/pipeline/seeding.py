"""What a part's code runs in: it draws from its own seed, and what it changes in the process is put back."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import threading
from collections.abc import Iterator

import numpy as np
import torch


def seed_all(seed: int) -> None:
    """Start torch's generator at the seed, and those of numpy and Python, which other libraries draw from unasked."""
    torch.manual_seed(seed)
    random.seed(seed)
    np.random.seed(seed % 2**32)


@contextlib.contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Every global generator begins at the seed, whatever was drawn before, and is then as it was.

    So is what a part may set for itself alone: torch's default dtype and device, its threads, whether it keeps
    gradients and whether it is deterministic; the working folder, in which the model is written; and what a signal
    does, so that one can still stop the job.
    """
    numbers, more = random.getstate(), np.random.get_state()
    try:
        with _torch_as_it_was(), _process_as_it_was(), torch.random.fork_rng(devices=[]):
            seed_all(seed)
            yield
    finally:
        random.setstate(numbers)
        np.random.set_state(more)


@contextlib.contextmanager
def _torch_as_it_was() -> Iterator[None]:
    dtype, device = torch.get_default_dtype(), torch.get_default_device()
    gradients, threads = torch.is_grad_enabled(), torch.get_num_threads()
    deterministic, warns = (
        torch.are_deterministic_algorithms_enabled(),
        torch.is_deterministic_algorithms_warn_only_enabled(),
    )
    try:
        yield
    finally:
        torch.set_default_dtype(dtype)
        torch.set_grad_enabled(gradients)
        torch.use_deterministic_algorithms(deterministic, warn_only=warns)
        if torch.get_num_threads() != threads:
            torch.set_num_threads(threads)
        if torch.get_default_device() != device:
            # None is the processor too, but costs nothing afterwards.
            torch.set_default_device(None if device.type == "cpu" else device)


@contextlib.contextmanager
def _process_as_it_was() -> Iterator[None]:
    folder = _folder()
    numbers = (signal.SIGINT, signal.SIGTERM) if threading.current_thread() is threading.main_thread() else ()
    handlers = {number: signal.getsignal(number) for number in numbers}
    try:
        yield
    finally:
        for number, handler in handlers.items():
            # SIG_DFL is how a first signal leaves it for the second. None is a handler that Python cannot install.
            if handler is not None and signal.getsignal(number) not in (handler, signal.SIG_DFL):
                signal.signal(number, handler)
        if folder is not None and _folder() != folder:
            os.chdir(folder)


def _folder() -> str | None:
    """The working folder; None where it was removed."""
    try:
        return os.getcwd()
    except FileNotFoundError:
        return None
