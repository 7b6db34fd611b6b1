"""What makes the tests quick without changing what they test.

One thread a worker: tests run side by side, and threads that wait for a core cost more than they give. And onnxscript
reads the source of its whole library of operators for every export; the tests export hundreds of graphs.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

# A machine that does something else besides is slow, not wrong.
settings.register_profile("busy", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("busy")

for name, value in {"OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "passive"}.items():
    os.environ.setdefault(name, value)


@pytest.fixture(scope="session", autouse=True)
def _operators_read_once() -> Iterator[None]:
    from torch.onnx._internal.exporter import _registration

    apis = _registration.onnxscript_apis
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(apis, "get_torchlib_ops", functools.cache(apis.get_torchlib_ops))
        yield
