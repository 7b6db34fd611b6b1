"""Every runtime that golden batches are run in: the program that runs it, or why it cannot be had here."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from selfrec.export.running import Agreement, command_of, compared
from selfrec.export.runtimes import RUNTIMES

JS = Path(__file__).parent / "js"


@dataclass(frozen=True)
class Program:
    """A runtime and how to run `PROGRAM GRAPH CASES [--repeat N]` in it."""

    name: str
    command: Sequence[str]
    missing: str = ""
    """Why it cannot run here."""
    raw_ids: bool = False
    """Whether it has ai.onnx.ml."""
    size: int = 0
    """Bytes on disk of what an application needs of it."""
    stays: bool = False
    """Whether it also takes graph after graph, as `Staying` has it."""


def programs() -> list[Program]:
    """All of them, those that are missing too."""
    return [*(_python(name) for name in RUNTIMES), *(_javascript(name) for name in JAVASCRIPT)]


JAVASCRIPT = {
    "onnxruntime-node": ("onnxruntime-node", "bin/napi-v6/linux/x64"),
    "onnxruntime-web": ("onnxruntime-web", "dist/ort-wasm-simd-threaded.wasm"),
    "chromium": ("onnxruntime-web", "dist/ort-wasm-simd-threaded.wasm"),
}
"""The npm package of each, and the part of it that a shipped application carries."""


def _python(name: str) -> Program:
    runtime = RUNTIMES[name]
    missing = "" if runtime.version else f"{runtime.package} is not installed: pip install 'selfrec[runtimes]'"
    return Program(name, command_of(runtime), missing, runtime.raw_ids, 0 if missing else _installed_size(name))


def _javascript(name: str) -> Program:
    package, carried = JAVASCRIPT[name]
    missing = ""
    if shutil.which("node") is None:
        missing = "node is not installed"
    elif not (JS / "node_modules" / package).exists():
        missing = f"{package} is not installed: npm ci --ignore-scripts in {JS.relative_to(JS.parents[2])}"
    elif name == "chromium" and chromium() is None:
        missing = "chromium is not installed, nor named by the variable CHROMIUM"
    size = 0 if missing else _size(JS / "node_modules" / package / carried)
    return Program(name, ["node", str(JS / "run.mjs"), name], missing, raw_ids=True, size=size, stays=True)


class Staying:
    """A program that stays between two graphs, because its start takes seconds: wasm is compiled, a browser opened."""

    def __init__(self, program: Program) -> None:
        self._program = program
        self._process = self._started()

    def agreement(self, graph: Path, cases: Path) -> Agreement:
        """As selfrec.export.running.agreement; the program is started again where it has ended."""
        if self._process.poll() is not None:
            self._process = self._started()
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps([str(graph), str(cases)]) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if line:
            return compared(self._program.name, cases, json.loads(line))
        return compared(self._program.name, cases, None, f"it ended with {self._process.wait()}")

    def close(self) -> None:
        """Let it end."""
        self._process.communicate(timeout=60)

    def _started(self) -> subprocess.Popen[str]:
        return subprocess.Popen(self._program.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def chromium() -> str | None:
    """The browser's program."""
    return shutil.which(os.environ.get("CHROMIUM", "chromium"))


def _installed_size(name: str) -> int:
    from importlib import metadata

    files = metadata.files(RUNTIMES[name].package) or []
    return sum(place.stat().st_size for place in (Path(str(file.locate())) for file in files) if place.is_file())


def _size(place: Path) -> int:
    if place.is_file():
        return place.stat().st_size
    return sum(file.stat().st_size for file in place.rglob("*") if file.is_file())
