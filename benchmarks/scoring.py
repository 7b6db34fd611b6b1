"""A whole user table, from DuckDB to DuckDB, beside the bare matrix product and other toolkits, in one run.

    python -m benchmarks.scoring --items 20000 --items 100000 --with implicit,rectools,lenskit,recbole

selfrec is timed as a whole process: start, reading, scoring, the table replaced. The bare product and the other
toolkits run without start, reading and writing, their data already in memory.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.environments import FOLDER, TOOLKITS, python_of
from benchmarks.measure import (
    ROOT,
    BenchmarkError,
    Run,
    about,
    machine,
    markdown,
    medians,
    megabytes,
    run,
    synthetic,
    write_json,
)

SCRIPTS = {
    "bare product": "bare_product.py",
    "implicit": "implicit_als.py",
    "rectools": "rectools_als.py",
    "lenskit": "lenskit_als.py",
    "recbole": "recbole_bpr.py",
}
SLOW = ("rectools", "lenskit", "recbole")
"""Toolkits that get a part of the users only: their time a user does not depend on how many there are."""


def make(folder: Path, *, users: int, n_items: int, width: int, history: float) -> None:
    """A model, a shop and the other toolkits' arrays."""
    synthetic(folder, "--arrays", users=users, items=n_items, width=width, mean_items=history)


WHOLE = "selfrec --no-screen"


def score(folder: Path, k: int, threads: int | None, *further: str) -> Run:
    """The command, from the table `interactions` into the table `lists` of the same file."""
    command = [sys.executable, "-m", "selfrec", "score", str(folder / "model"), str(folder / "shop.duckdb")]
    limit = [] if threads is None else ["--threads", str(threads)]
    return run([*command, "--into", "lists", "-k", str(k), "--quiet", *limit, *further])


def rival(python: Path | str, name: str, folder: Path, users: int, k: int) -> tuple[Run, str]:
    """One run of a script of `rivals`: what it timed itself, the peak of its process; and the settings it chose."""
    environment = TOOLKITS[name].threads if name in TOOLKITS else {}
    script = ROOT / "benchmarks" / "rivals" / SCRIPTS[name]
    # Their libraries must not meet ours, and ours none of theirs.
    whole = run(
        [str(python), str(script), str(folder), str(users), str(k)], environment={**environment, "PYTHONPATH": ""}
    )
    said = json.loads(whole.output.strip().splitlines()[-1])
    return Run(said["wall"], said["cpu"], whole.peak, str(said["users"])), said["settings"]


def measure(folder: Path, options: argparse.Namespace, n_items: int, pythons: dict[str, Path | str]) -> dict[str, Any]:
    """Interleaved repeats at one catalog size."""
    make(folder, users=options.users, n_items=n_items, width=options.width, history=options.history)
    own = {"selfrec": [], WHOLE: ["--no-screen"]} if options.unscreened else {"selfrec": []}
    runs: dict[str, list[Run]] = {name: [] for name in (*own, *pythons)}
    settings, failed = dict.fromkeys(own, "whole process, DuckDB table to DuckDB table"), {}
    for _ in range(options.repeats):
        for name, further in own.items():
            runs[name].append(score(folder, options.k, options.threads, *further))
        for name, python in pythons.items():
            if name in failed:
                continue
            users = min(options.users, options.slow_users) if name in SLOW else options.users
            try:
                one, settings[name] = rival(python, name, folder, users, options.k)
            except BenchmarkError as error:
                failed[name] = str(error).splitlines()[-1][:300]
            else:
                runs[name].append(one)
    users = {
        name: int(all_of[0].output) if name not in own else options.users for name, all_of in runs.items() if all_of
    }
    figures = {name: medians(all_of) | {"users": users[name]} for name, all_of in runs.items() if name in users}
    for figure in figures.values():
        figure["users_per_second"] = figure["users"] / figure["wall"]
        figure["cpu_microseconds_a_user"] = figure["cpu"] / figure["users"] * 1e6
    found = {"items": n_items, "figures": figures, "settings": settings, "failed": failed, "runs": runs}
    if options.profile:
        inside = [sys.executable, "-m", "benchmarks.breakdown", str(folder), "-k", str(options.k)]
        found["breakdown"] = json.loads(run(inside).output)
    return found


def tables(found: dict[str, Any], options: argparse.Namespace) -> str:
    """The Markdown of one catalog size."""
    figures, own = found["figures"], found["figures"]["selfrec"]
    rows = []
    for name, one in figures.items():
        wall = own["users_per_second"] / one["users_per_second"]
        cpu = own["cpu_microseconds_a_user"] / one["cpu_microseconds_a_user"]
        rows.append(
            [
                f"{name} ({found['settings'][name]})",
                f"{one['users']:,}",
                f"{one['wall']:.2f}",
                f"{one['users_per_second']:,.0f}",
                f"{one['cpu_microseconds_a_user']:.1f}",
                f"{1 / wall:.2f}",
                f"{cpu:.2f}",
                megabytes(one["peak"]),
            ]
        )
    header = ["what", "users", "seconds", "users per second", "CPU us a user"]
    header += ["selfrec's time, as a multiple", "the same in CPU", "peak memory"]
    title = f"N {found['items']:,}, d {options.width}, {options.history:g} items of history, k {options.k}"
    lines = [f"### {title}, medians of {options.repeats}", "", markdown(header, rows)]
    lines += ["", *(f"{name} failed: {reason}" for name, reason in found["failed"].items())]
    if "breakdown" in found:
        parts = found["breakdown"]
        total = sum(parts.values())
        shares = [
            [name, f"{seconds:.2f}", f"{seconds / options.users * 1e6:.1f}", f"{seconds / total:.0%}"]
            for name, seconds in parts.items()
        ]
        lines += ["", "One thread, CPU:", "", markdown(["part", "seconds", "us a user", "share"], shares)]
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    options = _parser().parse_args(arguments)
    pythons: dict[str, Path | str] = {"bare product": sys.executable}
    skipped: dict[str, str] = {}
    for name in filter(None, options.with_.split(",")):
        if name not in TOOLKITS:
            raise SystemExit(f"--with {name}: no such toolkit; there are {', '.join(TOOLKITS)}")
        try:
            pythons[name] = python_of(name, options.environments)
        except BenchmarkError as error:
            skipped[name] = str(error)
    sizes = options.items or [20_000]
    result: dict[str, Any] = {"benchmark": "scoring", "sizes": [], "skipped": skipped}
    for n_items in sizes:
        with tempfile.TemporaryDirectory(dir=options.folder) as folder:
            result["sizes"].append(measure(Path(folder), options, n_items, pythons))
        print(tables(result["sizes"][-1], options), end="\n\n", flush=True)
    for name, reason in skipped.items():
        print(f"{name} left out: {reason}")
    result["machine"] = machine()
    print(about(result["machine"]))
    write_json(options.json, result)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--users", type=int, default=100_000)
    parser.add_argument("--items", type=int, action="append", help="N; may be given more than once (default 20000)")
    parser.add_argument("--width", type=int, default=256, help="d")
    parser.add_argument("--history", type=float, default=90.0, help="events a user, on average")
    parser.add_argument("-k", type=int, default=20)
    parser.add_argument("--threads", type=int, help="of selfrec (default: all cores)")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--with", dest="with_", default="", metavar="NAMES", help=f"any of {','.join(TOOLKITS)}")
    parser.add_argument("--slow-users", type=int, default=2_000, help=f"users for {', '.join(SLOW)}")
    parser.add_argument("--unscreened", action="store_true", help="also selfrec without its first product in 8 bits")
    parser.add_argument("--profile", action="store_true", help="where selfrec's time goes")
    parser.add_argument("--environments", type=Path, default=FOLDER, help="where toolkits are installed")
    parser.add_argument("--folder", type=Path, help="where tables are made (default: the system's)")
    parser.add_argument("--json", type=Path)
    return parser


if __name__ == "__main__":
    main()
