"""How many cores this process may use, and how the threads of a library that is about to be loaded wait for work."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_SPINS = 1000
"""How often libgomp's threads look for work before they sleep, some ten microseconds. Its own default is 300,000: where
anything else runs on the machine, a thread then burns the core that the one it waits for needs, and a fit on two cores
takes one and a half to four times as long. On an idle machine it is as quick with this as with the default [measured].
"""


def available_cores() -> int:
    """Cores this process may use: those it may run on, and no more than a container's limit pays for."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    limit = cpu_limit()
    return cores if limit is None else max(1, min(cores, math.ceil(limit)))


def cpu_limit(root: Path = Path("/")) -> float | None:
    """Cores' worth of time that the process's control groups allow, the least of them; None where all are unlimited.

    Both versions of control groups are read (docs.kernel.org/admin-guide/cgroup-v2.html and cgroup-v1), as Docker's
    --cpus and Kubernetes' limits.cpu write them.
    """
    try:
        lines = (root / "proc/self/cgroup").read_text().splitlines()
    except (OSError, ValueError):
        return None
    limits = [limit for line in lines for folder in _folders(root, line) if (limit := _limit_of(folder)) is not None]
    return min(limits, default=None)


@contextmanager
def threads_that_sleep() -> Iterator[None]:
    """Libraries that are loaded within have threads that sleep while they wait, unless the environment says otherwise.

    libgomp reads the environment once, when it is loaded; what was set is taken back at the end.
    """
    name = "GOMP_SPINCOUNT"
    if name in os.environ or "OMP_WAIT_POLICY" in os.environ:
        yield
        return
    os.environ[name] = str(_SPINS)
    try:
        yield
    finally:
        os.environ.pop(name, None)


def _folders(root: Path, line: str) -> Iterator[Path]:
    """The folder of a line of /proc/self/cgroup, `number:controllers:path`, and those above it.

    In a container the path may be the host's, of which only the top is there.
    """
    _, _, rest = line.partition(":")
    controllers, _, path = rest.partition(":")
    top = root / "sys/fs/cgroup"
    if not controllers:
        tops = [top]
    elif "cpu" in controllers.split(","):
        # The folder may have the names in another order; beside it is a link for each.
        tops = [top / controllers, top / "cpu"]
    else:
        tops = []
    for top in tops:
        own = top / path.lstrip("/")
        yield from (own, *own.parents[: len(own.parts) - len(top.parts)])


def _limit_of(folder: Path) -> float | None:
    try:
        if (folder / "cpu.max").exists():
            quota, period = (folder / "cpu.max").read_text().split()
        else:
            quota, period = ((folder / f"cpu.cfs_{name}_us").read_text() for name in ("quota", "period"))
        limit = float(quota) / float(period)
    except (OSError, ValueError, ZeroDivisionError):  # "max", or no control group of this kind.
        return None
    return limit if limit > 0 else None
