"""What a fit costs on a machine that has other things to do: alone, and beside processes that never rest.

    python -m benchmarks.busy --others 2

Each is also run with the number of spins that libgomp has of itself (300,000) instead of selfrec's (see
selfrec/cores.py): so long its threads look for work before they sleep.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb

from benchmarks.measure import Run, about, machine, markdown, medians, run, write_json

WAYS: dict[str, dict[str, str]] = {"selfrec": {}, "libgomp's own spins": {"GOMP_SPINCOUNT": "300000"}}
"""Environment of each; the first is the yardstick."""

_NEVER_RESTS = "while True: pass"


def make(place: Path, users: int) -> None:
    """A shop: users of five tastes, 30 events each among 1,000 items, one a day."""
    with duckdb.connect() as connection:
        connection.execute(
            f"""
            COPY (
                SELECT u AS user_id, (u % 5 * 200 + hash(u, e) % 200 * (hash(e, u) % 200) // 200)::INTEGER AS item_id,
                       DATE '2026-01-01' + e::INTEGER AS timestamp
                FROM range({users}) users(u), range(30) events(e)
            ) TO '{place}'
            """
        )


@contextmanager
def beside(others: int) -> Iterator[None]:
    """So many other processes at work."""
    processes = [subprocess.Popen([sys.executable, "-c", _NEVER_RESTS]) for _ in range(others)]
    try:
        yield
    finally:
        for process in processes:
            process.kill()
            process.wait()


def measure(folder: Path, options: argparse.Namespace) -> dict[str, list[Run]]:
    """Interleaved repeats of a fit, by how many others run and how threads wait."""
    source = folder / "events.parquet"
    make(source, options.users)
    command = [sys.executable, "-m", "selfrec", "fit", str(source), "--out", str(folder / "model"), "--quiet"]
    command += ["--preset", "fast", "--seed", "0"]
    runs: dict[str, list[Run]] = {}
    for _ in range(options.repeats):
        for others in (0, options.others):
            for way, environment in WAYS.items():
                with beside(others):
                    runs.setdefault(f"{way}, beside {others}", []).append(run(command, environment=environment))
    return runs


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--users", type=int, default=3_000)
    parser.add_argument("--others", type=int, default=2, help="processes beside it")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        runs = measure(Path(folder), options)
    figures = {name: medians(all_of) for name, all_of in runs.items()}
    base = next(iter(figures.values()))
    rows = [
        [name, f"{one['wall']:.1f}", f"{one['cpu']:.1f}", f"{one['wall'] / base['wall']:.2f}"]
        for name, one in figures.items()
    ]
    print(markdown(["a fit", "seconds", "CPU seconds", "ratio"], rows))
    result: dict[str, Any] = {"benchmark": "busy", "figures": figures, "runs": runs, "machine": machine()}
    print(f"\n{about(result['machine'])}")
    write_json(options.json, result)


if __name__ == "__main__":
    main()
