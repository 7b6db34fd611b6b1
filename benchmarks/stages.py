"""What further stages cost when a whole table is scored: real fits, whole processes, in one run.

    python -m benchmarks.stages --users 100000 --items 20000

The parts are trained for one epoch on the first users of the same shop, since what scoring costs does not depend on how
well they were trained; nothing is left out for being worse (`pipeline.keep = "all"`).
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import duckdb

import selfrec
from benchmarks.measure import Run, about, machine, markdown, medians, megabytes, run, synthetic, write_json

PIPELINES: dict[str, dict[str, Any]] = {
    "autoencoder": {"pipeline.generators": ["autoencoder"]},
    "autoencoder, popularity (`default`)": {
        "pipeline.generators": ["autoencoder", "popularity", "short:popularity"],
        "generator.short.length_exponent": 1,
    },
    "autoencoder, GAN": {"pipeline.generators": ["autoencoder", "gan"], "generator.gan.epochs": 1},
    "autoencoder, GAN, MLP ranker": {
        "pipeline.generators": ["autoencoder", "gan"],
        "pipeline.ranker": "mlp",
        "generator.gan.epochs": 1,
        "ranker.mlp.epochs": 1,
    },
}
"""Options of each; the first is the yardstick."""


def make(folder: Path, options: argparse.Namespace) -> None:
    """A shop of all users, and one of the first of them to fit on."""
    synthetic(folder, users=options.users, items=options.items, width=8, mean_items=options.history)
    with duckdb.connect(str(folder / "few.duckdb")) as connection:
        connection.execute(f"ATTACH '{folder / 'shop.duckdb'}' AS shop (READ_ONLY)")
        connection.execute(
            "CREATE TABLE interactions AS FROM shop.interactions WHERE substr(user_id, 6)::INT < ?", [options.fit_users]
        )


def fit(folder: Path, name: str, model: Path, width: int) -> None:
    """One epoch of every part of a pipeline."""
    base = {
        "pipeline.keep": "all",
        "extractor.autoencoder.width": width,
        "extractor.autoencoder.epochs": 1,
        "cleaning.min_users_per_item": 1,
        "training.refit": "none",
    }
    selfrec.fit(folder / "few.duckdb", model, options=base | PIPELINES[name])


def measure(folder: Path, options: argparse.Namespace) -> dict[str, list[Run]]:
    """Interleaved repeats of `selfrec score` with every pipeline."""
    make(folder, options)
    models = {name: folder / f"model-{number}" for number, name in enumerate(PIPELINES)}
    # All in one process, but not in this: a child's peak memory is at least what its parent holds when it starts.
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as process:
        for name, model in models.items():
            process.submit(fit, folder, name, model, options.width).result()
    runs: dict[str, list[Run]] = {name: [] for name in models}
    for _ in range(options.repeats):
        for name, model in models.items():
            command = [sys.executable, "-m", "selfrec", "score", str(model), str(folder / "shop.duckdb"), "--quiet"]
            runs[name].append(run([*command, "--into", "lists", "-k", str(options.k)]))
    return runs


def table(figures: dict[str, dict[str, float]], users: int) -> str:
    """Seconds, users per second, both ratios and memory of every pipeline."""
    base = next(iter(figures.values()))
    rows = [
        [
            name,
            f"{one['wall']:.2f}",
            f"{users / one['wall']:,.0f}",
            f"{one['cpu'] / users * 1e6:.1f}",
            f"{one['wall'] / base['wall']:.2f}",
            f"{one['cpu'] / base['cpu']:.2f}",
            megabytes(one["peak"]),
        ]
        for name, one in figures.items()
    ]
    header = ["pipeline", "seconds", "users per second", "CPU us a user", "ratio", "ratio of CPU", "peak memory"]
    return markdown(header, rows)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--users", type=int, default=100_000)
    parser.add_argument("--items", type=int, default=20_000, help="N")
    parser.add_argument("--width", type=int, default=256, help="d of the autoencoder")
    parser.add_argument("--history", type=float, default=90.0, help="events a user, on average")
    parser.add_argument("-k", type=int, default=20)
    parser.add_argument("--fit-users", type=int, default=5_000, help="users that the parts are trained on")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--folder", type=Path, help="where tables and models are made (default: the system's)")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        runs = measure(Path(folder), options)
    figures = {name: medians(all_of) for name, all_of in runs.items()}
    sizes = f"N {options.items:,}, d {options.width}, {options.history:g} items of history, k {options.k}"
    print(f"{sizes}, {options.users:,} users, medians of {options.repeats}\n\n{table(figures, options.users)}")
    result: dict[str, Any] = {"benchmark": "stages", "figures": figures, "runs": runs, "machine": machine()}
    print(f"\n{about(result['machine'])}")
    write_json(options.json, result)


if __name__ == "__main__":
    main()
