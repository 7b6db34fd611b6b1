"""How long each command takes to say what it is, and what it loads for that.

python -m benchmarks.startup
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.measure import Run, about, machine, markdown, medians, megabytes, run, write_json

YARDSTICK = [sys.executable, "-c", "import click, duckdb"]

HEAVY = (
    "torch",
    "onnx",
    "onnxruntime",
    "onnxscript",
    "pyarrow",
    "numpy",
    "duckdb",
    "matplotlib",
    "pandas",
    "scipy",
    "rich",
)
"""Modules that take a tenth of a second and more, and others that bring them."""

_LOADED = f"""
import json, os, runpy, sys
said = os.fdopen(os.dup(1), "w")  # The program ends with its output closed to whatever comes after.
try:
    runpy.run_module("selfrec", run_name="__main__")
except SystemExit:
    pass
print()
print(json.dumps([name for name in {HEAVY!r} if name in sys.modules]), file=said)
"""


def commands() -> list[str]:
    """All commands, as the program itself lists them."""
    listing = "from selfrec.cli.group import COMMANDS; print(*COMMANDS)"
    return run([sys.executable, "-c", listing]).output.split()


def loaded(words: Sequence[str]) -> list[str]:
    """Which of HEAVY a command has loaded at its end."""
    found: list[str] = json.loads(run([sys.executable, "-c", _LOADED, *words]).output.strip().splitlines()[-1])
    return found


def measure(repeats: int, names: Sequence[str]) -> dict[str, Any]:
    """Interleaved repeats of the yardstick and of `selfrec NAME --help`."""
    words = {"selfrec --help": ["--help"], **{f"selfrec {name} --help": [name, "--help"] for name in names}}
    runs: dict[str, list[Run]] = {"yardstick": [], **{name: [] for name in words}}
    for _ in range(repeats):
        runs["yardstick"].append(run(YARDSTICK))
        for name, arguments in words.items():
            runs[name].append(run([sys.executable, "-m", "selfrec", *arguments]))
    modules = {name: loaded(arguments) for name, arguments in words.items()}
    return {"figures": {name: medians(all_of) for name, all_of in runs.items()}, "modules": modules}


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--command", action="append", help="only these commands")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args(arguments)
    result: dict[str, Any] = {"benchmark": "startup"} | measure(options.repeats, options.command or commands())
    base = result["figures"]["yardstick"]
    rows = [
        [
            'python -c "import click, duckdb"' if name == "yardstick" else name,
            f"{one['wall'] * 1000:.0f}",
            f"{one['wall'] / base['wall']:.2f}",
            f"{one['cpu'] / base['cpu']:.2f}",
            megabytes(one["peak"]),
            ", ".join(result["modules"].get(name, [])) or "-",
        ]
        for name, one in result["figures"].items()
    ]
    print(markdown(["what", "ms", "ratio", "ratio in CPU", "peak memory", "heavy modules loaded"], rows))
    result["machine"] = machine()
    print(f"\nMedians of {options.repeats}. {about(result['machine'])}")
    write_json(options.json, result)


if __name__ == "__main__":
    main()
