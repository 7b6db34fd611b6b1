"""Golden batches through a runtime in a process of its own, and what is different in its lists."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from selfrec.export.conformance import Golden, from_json, read_cases
from selfrec.export.runtimes import RUNTIMES, Runtime

_ERROR = re.compile(r"[\w.]*(Error|Exception)\b")

TIMEOUT = 600
"""Seconds a runtime gets for all batches."""


@dataclass(frozen=True)
class Agreement:
    """How a runtime did on the golden batches."""

    runtime: str
    version: str
    cases: int
    differences: Mapping[str, str]
    """What was different, by the name of the batch; "" names what befell the runtime itself."""

    @property
    def agreed(self) -> int:
        """Batches with the same lists."""
        return 0 if "" in self.differences else self.cases - len(self.differences)


def installed(raw_ids: bool = False) -> list[Runtime]:
    """The runtimes of this Python that can run the graph; with raw_ids, those that know the user's own ids."""
    return [one for one in RUNTIMES.values() if one.version is not None and (one.raw_ids or not raw_ids)]


def command_of(runtime: Runtime) -> list[str]:
    """The program that runs golden batches in a runtime; graph and cases follow."""
    return [sys.executable, "-m", "selfrec.export.runtimes", runtime.name]


def agreement(name: str, command: Sequence[str], graph: Path, cases: Path) -> Agreement:
    """Run `command GRAPH CASES`, which prints results like `selfrec.export.runtimes`, and compare them."""
    return compared(name, cases, *run_program([*command, str(graph), str(cases)]))


def compared(name: str, cases: Path, said: Mapping[str, Any] | None, problem: str = "") -> Agreement:
    """What a runtime's program said of the cases, beside their golden lists; None: it ended with a problem."""
    goldens = read_cases(cases)
    if said is None:
        return Agreement(name, "", len(goldens), {"": problem})
    return Agreement(name, str(said["version"]), len(goldens), dict(_differences(goldens, said["results"])))


def run_program(command: Sequence[str]) -> tuple[dict[str, Any] | None, str]:
    """What a program printed as JSON, or None and the reason in one line."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=TIMEOUT)
    except (OSError, subprocess.TimeoutExpired) as error:
        return None, str(error)
    if done.returncode:
        lines = [line.strip() for line in done.stderr.splitlines() if line.strip()]
        said = [line for line in lines if _ERROR.match(line) or "panicked" in line] or lines or ["no message"]
        return None, f"exit code {done.returncode}: {said[-1][:300]}"
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result, ""


def _differences(goldens: Sequence[Golden], results: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    found = {}
    for golden, result in zip(goldens, results, strict=True):
        problem = result.get("error") or golden.difference(from_json(result["items"]), from_json(result["scores"]))
        if problem:
            found[golden.name] = str(problem)
    return found
