"""The other toolkits, each in an environment of its own that is made here."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.measure import ROOT, BenchmarkError

FOLDER = Path(os.environ.get("SELFREC_ENVIRONMENTS", ROOT / "benchmarks" / ".environments"))
"""Where environments are kept between runs."""


@dataclass(frozen=True)
class Toolkit:
    """A toolkit to measure beside selfrec."""

    requirements: tuple[str, ...]
    """What pip installs."""
    threads: dict[str, str] = field(default_factory=dict)
    """Environment variables with which it is fastest."""


_ONE_BLAS_THREAD = {"OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}

TOOLKITS = {
    # Its own threads do the work; BLAS threads on top of them cost time, as its documentation says.
    "implicit": Toolkit(("implicit>=0.7.2", "numpy", "scipy"), _ONE_BLAS_THREAD),
    "rectools": Toolkit(("RecTools>=0.13",), _ONE_BLAS_THREAD),
    "lenskit": Toolkit(("lenskit>=2025.3",)),
    # RecBole 1.2.1 was written for numpy 1 and pandas 2 and asks for neither.
    "recbole": Toolkit(("recbole==1.2.1", "numpy<2", "pandas<3", "scipy<1.14", "setuptools<81")),
}


def python_of(name: str, folder: Path = FOLDER) -> Path:
    """The Python of a toolkit's environment, which is made where there is none yet.

    Raises BenchmarkError with pip's reason where it cannot be made.
    """
    toolkit, place = TOOLKITS[name], folder / name
    python, note = place / "bin" / "python", place / "requirements.json"
    wanted = json.dumps(toolkit.requirements)
    if note.exists() and note.read_text() == wanted:
        return python
    shutil.rmtree(place, ignore_errors=True)
    print(f"making an environment with {', '.join(toolkit.requirements)} ...", file=sys.stderr)
    for command in (
        [sys.executable, "-m", "venv", str(place)],
        [str(python), "-m", "pip", "install", "--quiet", *toolkit.requirements],
    ):
        # A parent's PYTHONPATH would mix our packages into theirs.
        clean = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
        done = subprocess.run(command, capture_output=True, text=True, env=clean)
        if done.returncode:
            lines = [line for line in done.stderr.strip().splitlines() if line.strip()]
            raise BenchmarkError(f"{name} cannot be installed: {lines[-1] if lines else done.returncode}")
    note.write_text(wanted)
    return python
