"""One thread a worker: tests run side by side, and threads that wait for a core cost more than they give."""

from __future__ import annotations

import os

for name, value in {"OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "passive"}.items():
    os.environ.setdefault(name, value)
