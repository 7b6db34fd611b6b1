"""What makes the tests quick without changing what they test.

One thread a worker: tests run side by side, and threads that wait for a core cost more than they give. And what torch
reads of itself for an export is read once.
"""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from tests.quick_export import read_once

# A machine that does something else besides is slow, not wrong.
settings.register_profile("busy", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("busy")

for name, value in {"OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "passive"}.items():
    os.environ.setdefault(name, value)


@pytest.fixture(scope="session", autouse=True)
def _operators_read_once() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        read_once(patch)
        # Nor does the collector look through all of torch again and again.
        gc.freeze()
        yield
        gc.unfreeze()
