"""What torch reads of itself for every export, read once a process: the tests export hundreds of graphs.

onnxscript's library of operators is read from its source, a table of it is made for torch's exporter, and torch lists
its own operators; none of them changes while the tests run.
"""

from __future__ import annotations

import functools

import pytest


def read_once(patch: pytest.MonkeyPatch) -> None:
    """Read it, for as long as the patch lasts."""
    from torch._export import utils
    from torch.onnx._internal.exporter import _registration

    registry = _registration.ONNXRegistry
    read = functools.cache(registry.from_torchlib)
    patch.setattr(registry, "from_torchlib", staticmethod(read))
    patch.setattr(utils, "_materialize_cpp_cia_ops", functools.cache(utils._materialize_cpp_cia_ops))
