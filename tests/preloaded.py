"""What the server of `tests.program` imports before it forks: all that a command may need, ready to export."""

from __future__ import annotations

import atexit
import gc
import importlib

import pytest

from selfrec.export.quiet import quiet
from tests.quick_export import read_once

for name in (
    "matplotlib.backends.backend_svg",
    "networkx",
    "onnxruntime",
    "selfrec.api",
    "selfrec.cli.main",
    "selfrec.fit_job.job",
    "selfrec.scoring.job",
    "torch._functorch.aot_autograd",
    "torch._inductor.config",
    "torch.export._trace",
    "torch.onnx._internal.exporter._core",
):
    importlib.import_module(name)

with quiet():
    read_once(pytest.MonkeyPatch())
# What is there now is there to stay: no fork has to look through it, which would copy its pages. At the server's own
# end it is let go, or libraries would speak of leaks.
gc.freeze()
atexit.register(gc.unfreeze)
