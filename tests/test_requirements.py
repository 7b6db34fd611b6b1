"""What pyproject.toml asks for is what is tested: the oldest version of each range, and a newer one."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
EXTRAS = ("train", "quickstart", "tracking", "tune", "test")
"""Those that the tests need; the others are for benchmarks, other runtimes and tools."""

pytestmark = pytest.mark.skipif(not (ROOT / "pyproject.toml").exists(), reason="not in a checkout")


def pinned(path: Path) -> dict[str, str]:
    lines = (line.strip() for line in path.read_text().splitlines())
    return dict(line.split("==") for line in lines if line and not line.startswith("#"))


def named(names: Iterable[str]) -> set[str]:
    """As the package index compares names."""
    return {re.sub(r"[-_.]+", "-", name).lower() for name in names}


def floors() -> dict[str, str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    asked = [*project["dependencies"], *(line for extra in EXTRAS for line in project["optional-dependencies"][extra])]
    return dict(line.split(">=") for line in asked if not line.startswith("selfrec["))


def numbers(version: str) -> list[int]:
    """Without the zeros at its end: 2 is 2.0.0."""
    found = [int(number) for number in version.split(".")]
    while found and not found[-1]:
        found.pop()
    return found


def test_the_oldest_versions_are_those_of_the_ranges() -> None:
    asked, oldest = floors(), pinned(ROOT / "constraints-oldest.txt")
    assert named(asked) == named(oldest)
    wrong = {name: (floor, oldest[name]) for name, floor in asked.items() if numbers(floor) != numbers(oldest[name])}
    assert wrong.keys() == {"torch"}, wrong


def test_each_of_them_is_pinned_where_everything_is_tested() -> None:
    assert named(floors()) <= named(pinned(ROOT / "constraints.txt"))
