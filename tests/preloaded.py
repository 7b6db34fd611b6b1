"""What the server of `tests.program` does before it forks: it imports all that a command may need, and uses it once.

The first export of a process takes twice as long as the next one, as does the first figure: torch, sympy, onnxscript
and matplotlib make tables of their own when they are first used. Forks find them made.
"""

from __future__ import annotations

import atexit
import gc
import importlib
import threading

import pytest
import torch
from tqdm import tqdm

from selfrec.export.graph import to_graph
from selfrec.export.quiet import quiet
from selfrec.report.style import figure, to_svg
from tests.quick_export import read_once
from tests.shapes import recommender

for name in (
    "networkx",
    "onnxruntime",
    # It imports pandas, where there is one: a quarter of a second of every command that reads a table.
    "pyarrow.dataset",
    "rich.progress",
    "selfrec.api",
    "selfrec.cli.main",
    "selfrec.export.job",
    "selfrec.fit_job.job",
    "selfrec.scoring.job",
):
    importlib.import_module(name)


def export_once() -> None:
    """One graph with a part of every kind. It takes no random number that a fork would have taken."""
    with torch.random.fork_rng(), torch.no_grad():
        to_graph(recommender("two with ranker"))


def draw_once() -> None:
    """One figure."""
    with figure("once", 3.0) as (drawn, (ax,)):
        ax.plot([1, 2], [1, 2], label="once")
        ax.legend()
        to_svg(drawn, "once")


with quiet():
    read_once(pytest.MonkeyPatch())
# A bar's thread would be lost in a fork, which starts one of its own.
interval, tqdm.monitor_interval = tqdm.monitor_interval, 0
# A bar is drawn under a lock of all processes, which a fork that is killed would never give back.
tqdm.set_lock(threading.RLock())
export_once()
draw_once()
tqdm.monitor_interval = interval
# What is there now is there to stay: no fork has to look through it, which would copy its pages. At the server's own
# end it is let go, or libraries would speak of leaks.
gc.freeze()
atexit.register(gc.unfreeze)
