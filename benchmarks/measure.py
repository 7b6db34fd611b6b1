"""Whole processes, timed: wall, CPU and peak memory of each, medians over repeats, tables and JSON.

Imports nothing large: a process inherits the peak memory of the one that started it.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import IO, Any

ROOT = Path(__file__).resolve().parent.parent


class BenchmarkError(Exception):
    """A process that was to be measured failed."""


@dataclass(frozen=True)
class Run:
    """One process from its start to its end."""

    wall: float
    """Seconds."""
    cpu: float
    """Seconds of all its threads and children, user and system."""
    peak: int
    """Bytes of resident memory."""
    output: str
    """What it wrote to standard output."""


def run(command: Sequence[str], *, environment: Mapping[str, str] | None = None) -> Run:
    """Run a command from the repository's root. Raises BenchmarkError with the end of its standard error."""
    begin = time.perf_counter()
    with subprocess.Popen(
        [str(word) for word in command],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, **(environment or {})},
        cwd=ROOT,
        text=True,
    ) as process:
        # Not communicate(): the process has to be waited for here, for its own resource use.
        assert process.stdout is not None
        assert process.stderr is not None
        with _Drain(process.stderr) as said:
            output = process.stdout.read()
        _, status, used = os.wait4(process.pid, 0)
        wall = time.perf_counter() - begin
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise BenchmarkError(
            f"{' '.join(map(str, command))}: exit code {process.returncode}: {said.text[-600:].strip()}"
        )
    peak = used.ru_maxrss if sys.platform == "darwin" else used.ru_maxrss * 1024
    return Run(wall, used.ru_utime + used.ru_stime, peak, output)


def synthetic(folder: Path, *more: str, **sizes: float) -> None:
    """What `benchmarks.synthetic` makes of these sizes, in another process: this one has to stay small."""
    words = [word for name, size in sizes.items() for word in (f"--{name.replace('_', '-')}", str(size))]
    run([sys.executable, "-m", "benchmarks.synthetic", str(folder), *words, *more])


class _Drain:
    """Reads a stream in a thread, so that a talkative process never waits for us."""

    def __init__(self, stream: IO[str]) -> None:
        self.text = ""
        self._stream = stream
        self._thread = threading.Thread(target=self._read, daemon=True)

    def _read(self) -> None:
        self.text = self._stream.read()

    def __enter__(self) -> _Drain:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.join()


def medians(runs: Sequence[Run]) -> dict[str, float]:
    """Median seconds and the largest peak of repeats of one thing."""
    return {
        "wall": median(one.wall for one in runs),
        "cpu": median(one.cpu for one in runs),
        "peak": max(one.peak for one in runs),
    }


def machine() -> dict[str, Any]:
    """What the figures were measured on."""
    model = platform.processor()
    info = Path("/proc/cpuinfo")
    if info.exists():
        names = [
            line.partition(":")[2].strip() for line in info.read_text().splitlines() if line.startswith("model name")
        ]
        model = names[0] if names else model
    packages = {name: version(name) for name in ("duckdb", "numpy", "onnxruntime", "pyarrow", "selfrec")}
    return {
        "processor": model,
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "system": platform.system(),
        "python": platform.python_version(),
        "packages": packages,
        "load": os.getloadavg()[0],
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def about(where: Mapping[str, Any]) -> str:
    """One line of `machine()` for below a table."""
    packages = ", ".join(f"{name} {number}" for name, number in where["packages"].items())
    return (
        f"{where['processor']}, {where['cores']} cores, load {where['load']:.1f} at the end; "
        f"Python {where['python']}, {packages}."
    )


def markdown(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table; the first column is left, the others right."""
    lines = ["| " + " | ".join(header) + " |", "|---" + "|---:" * (len(header) - 1) + "|"]
    lines += ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join(lines)


def write_json(path: Path | None, content: Mapping[str, Any]) -> None:
    """The figures as JSON, where a path was given."""
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(content, indent=2, default=_plain) + "\n")


def _plain(value: object) -> Any:
    if isinstance(value, Run):
        return {name: one for name, one in asdict(value).items() if name != "output"}
    return str(value)


def megabytes(count: float) -> str:
    """Bytes as 1,234 MB."""
    return f"{count / 1e6:,.0f} MB"
