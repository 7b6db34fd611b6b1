"""Cores: what a container's limit leaves of them, and threads that do not burn them while they wait."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from selfrec import cores
from selfrec.cores import available_cores, cpu_limit, threads_that_sleep
from selfrec.fit_job.devices import torch_settings
from selfrec.settings.tables import TrainingSettings


def machine(root: Path, groups: str, files: dict[str, str]) -> Path:
    """A root folder with /proc/self/cgroup and these files below /sys/fs/cgroup."""
    written = {"proc/self/cgroup": groups} | {f"sys/fs/cgroup/{name}": text for name, text in files.items()}
    for name, text in written.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


V1 = "9:memory:/docker/1a\n4:cpu,cpuacct:/docker/1a\n0::/docker/1a\n"


@pytest.mark.parametrize(
    ("groups", "files", "limit"),
    [
        pytest.param("0::/\n", {"cpu.max": "150000 100000\n"}, 1.5, id="version 2, in a container"),
        pytest.param("0::/\n", {"cpu.max": "max 100000\n"}, None, id="version 2, unlimited"),
        pytest.param("0::/a/b\n", {"a/cpu.max": "200000 100000", "a/b/cpu.max": "max 100000"}, 2, id="the one above"),
        pytest.param("0::/a/b\n", {"a/cpu.max": "50000 100000", "a/b/cpu.max": "90000 10000"}, 0.5, id="the least"),
        pytest.param("0::/a:b\n", {"a:b/cpu.max": "300000 100000"}, 3, id="a colon in the name"),
        pytest.param("0::/\n", {}, None, id="no control groups"),
        pytest.param("0::/\n", {"cpu.max": ""}, None, id="empty"),
        pytest.param("0::/\n", {"cpu.max": "0 0"}, None, id="zero"),
        pytest.param(
            V1,
            {
                "cpu,cpuacct/docker/1a/cpu.cfs_quota_us": "400000",
                "cpu,cpuacct/docker/1a/cpu.cfs_period_us": "100000",
                "memory/docker/1a/cpu.cfs_quota_us": "1",
                "memory/docker/1a/cpu.cfs_period_us": "1",
            },
            4,
            id="version 1",
        ),
        pytest.param(
            V1,
            {"cpu,cpuacct/cpu.cfs_quota_us": "250000", "cpu,cpuacct/cpu.cfs_period_us": "100000"},
            2.5,
            id="version 1, a path of the host's",
        ),
        pytest.param(
            V1,
            {"cpu,cpuacct/cpu.cfs_quota_us": "-1", "cpu,cpuacct/cpu.cfs_period_us": "100000"},
            None,
            id="version 1, unlimited",
        ),
        pytest.param(
            "4:cpuacct,cpu:/docker/1a\n",
            {"cpu/docker/1a/cpu.cfs_quota_us": "150000", "cpu/docker/1a/cpu.cfs_period_us": "100000"},
            1.5,
            id="version 1, in a folder of another name",
        ),
        pytest.param("cpu\n\n", {}, None, id="no such lines"),
    ],
)
def test_limit_of_a_container(tmp_path: Path, groups: str, files: dict[str, str], limit: float | None) -> None:
    assert cpu_limit(machine(tmp_path, groups, files)) == limit


def test_no_limit_is_known_elsewhere_than_on_linux(tmp_path: Path) -> None:
    assert cpu_limit(tmp_path) is None


@pytest.mark.parametrize(("limit", "expected"), [(None, 8), (1.5, 2), (0.2, 1), (64.0, 8)])
def test_cores_are_no_more_than_the_limit(monkeypatch: pytest.MonkeyPatch, limit: float | None, expected: int) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)), raising=False)
    monkeypatch.setattr(cores, "cpu_limit", lambda: limit)
    assert available_cores() == expected


@pytest.mark.parametrize(("asked", "expected"), [(None, 1), (3, 3)])
def test_torch_keeps_to_the_limit_unless_asked_otherwise(
    monkeypatch: pytest.MonkeyPatch, asked: int | None, expected: int
) -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    monkeypatch.setattr(cores, "cpu_limit", lambda: 0.5)
    try:
        with torch_settings(TrainingSettings(threads=asked)):
            assert torch.get_num_threads() == expected
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="torch brings libgomp on Linux alone")
@pytest.mark.parametrize(
    ("set_already", "spins"),
    [({}, "1000"), ({"GOMP_SPINCOUNT": "7"}, "7"), ({"OMP_WAIT_POLICY": "active"}, "30000000000")],
)
def test_threads_of_torch_sleep_while_they_wait(set_already: dict[str, str], spins: str) -> None:
    """As libgomp itself reports it, and with the environment as it was."""
    code = """
import os
from selfrec.extras import extra_needed
before = dict(os.environ)
with extra_needed("this test"):
    import torch
assert dict(os.environ) == before
"""
    clean = {name: text for name, text in os.environ.items() if not name.startswith(("OMP_", "GOMP_"))}
    environment = clean | {"OMP_DISPLAY_ENV": "verbose"} | set_already
    run = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert f"GOMP_SPINCOUNT = '{spins}'" in run.stderr


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="torch brings libgomp on Linux alone")
@pytest.mark.parametrize(
    "loads",
    [
        "from selfrec.testing import benches",
        "from selfrec.plugin import pool",
        "from selfrec.host.manager import PluginManager\n"
        "PluginManager.load(points=[EntryPoint('plugin', 'torch', 'selfrec')])",
    ],
)
def test_so_they_do_where_a_plugin_loads_it(loads: str) -> None:
    clean = {name: text for name, text in os.environ.items() if not name.startswith(("OMP_", "GOMP_"))}
    code = f"from importlib.metadata import EntryPoint\n{loads}"
    environment = clean | {"OMP_DISPLAY_ENV": "verbose"}
    run = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert "GOMP_SPINCOUNT = '1000'" in run.stderr


def test_the_environment_is_as_before_also_after_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GOMP_SPINCOUNT", raising=False)
    monkeypatch.delenv("OMP_WAIT_POLICY", raising=False)
    seen = []

    def fail() -> None:
        with threads_that_sleep():
            seen.append(os.environ["GOMP_SPINCOUNT"])
            raise ImportError

    with pytest.raises(ImportError):
        fail()
    assert seen == ["1000"]
    assert "GOMP_SPINCOUNT" not in os.environ
