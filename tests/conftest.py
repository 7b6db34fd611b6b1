"""What makes the tests quick without changing what they test.

One thread a worker: tests run side by side, and threads that wait for a core cost more than they give. And what torch
reads of itself for an export is read once.
"""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.quick_export import read_once

# A machine that does something else besides is slow, not wrong.
settings.register_profile("busy", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("busy")

for name, value in {"OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "passive"}.items():
    os.environ.setdefault(name, value)


HEAVY = (
    "runtimes/test_runtimes.py",
    "faults/test_disk.py",
    "cli/test_readme.py",
    "faults/test_kills.py",
    "third_party/test_distributions.py",
    "test_main_job.py",
    "scaffold/test_new.py",
    "benchmarks/test_others.py",
    "testing/test_checks.py",
    "export/test_export.py",
    "cli/test_tune.py",
    "scoring/test_changed.py",
    "cli/test_leaks.py",
    "scoring/test_changed_killed.py",
    "plugins/test_conformance.py",
    "benchmarks/test_running.py",
    "export/test_forms.py",
    "test_side_features.py",
    "source/test_any_sql.py",
    "cli/test_bad_surroundings.py",
    "pipeline/test_failures.py",
    "scoring/test_together.py",
    "graph_rewrites/test_screened.py",
    "runtimes/test_embedding.py",
    "scaffold/test_tutorial.py",
    "cli/test_bad_input.py",
    "cli/test_imports.py",
    "cli/test_python.py",
    "cli/test_commands.py",
    "plugins/test_tracking.py",
    "scoring/test_resume.py",
    "scoring/test_job.py",
)
"""Files of more than half a minute, the longest first."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the long files: a worker takes a whole file, and the other waits for one that is taken last."""
    gone = [name for name in HEAVY if not (Path(__file__).parent / name).exists()]
    assert not gone, f"tests/conftest.py lists {gone} as long, which are not there"
    places = {f"tests/{name}": place for place, name in enumerate(HEAVY)}
    items.sort(key=lambda item: places.get(item.nodeid.partition("::")[0], len(places)))


@pytest.fixture(scope="session", autouse=True)
def _operators_read_once() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        read_once(patch)
        # Nor does the collector look through all of torch again and again.
        gc.freeze()
        yield
        gc.unfreeze()
