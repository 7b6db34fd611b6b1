"""What --changed-only costs beside a full run, where a small share of the users changed.

    python -m benchmarks.changed FOLDER --users 1000000 --share 0.01 --target table

Makes a model and a shop in FOLDER where there are none. Seconds of one machine mean little while it has other work;
the CPU seconds (user and system, all threads) and their ratio are the figures to compare.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb

from benchmarks.synthetic import write_synthetic_model, write_synthetic_shop
from selfrec.model_folder.reading import open_model
from selfrec.scoring.job import score_table
from selfrec.scoring.request import ScoringRequest
from selfrec.scoring.summary import RunSummary
from selfrec.scoring.targets import parse_target
from selfrec.settings.tables import ScoringSettings


def main() -> None:
    """Full run, run with fingerprints, run after changes, run without changes: one JSON line each."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--users", type=int, default=1_000_000)
    parser.add_argument("--items", type=int, default=20_000)
    parser.add_argument("--width", type=int, default=256)
    parser.add_argument("--mean-items", type=float, default=30.0)
    parser.add_argument("--share", type=float, default=0.01)
    parser.add_argument("--target", choices=["table", "file", "folder"], default="table")
    parser.add_argument("-k", type=int, default=20)
    options = parser.parse_args()
    shop, model = options.folder / "shop.duckdb", options.folder / "model"
    options.folder.mkdir(parents=True, exist_ok=True)
    if not model.exists():
        write_synthetic_model(model, n_items=options.items, width=options.width)
    if not shop.exists():
        write_synthetic_shop(shop, users=options.users, n_items=options.items, mean_items=options.mean_items)
    place: dict[str, Any] = {
        "table": {"into": f"{options.folder}/lists.duckdb::lists"},
        "file": {"to": str(options.folder / "lists.parquet")},
        "folder": {"to": str(options.folder / "lists")},
    }[options.target]

    def score(changed_only: bool) -> RunSummary:
        target = parse_target(str(shop), **place)
        return score_table(
            open_model(model),
            str(shop),
            target,
            ScoringSettings(k=options.k),
            ScoringRequest(changed_only=changed_only),
        )

    _measure("full run", lambda: score(False))
    _measure("first run with fingerprints", lambda: score(True))
    with duckdb.connect(str(shop)) as connection:
        connection.execute(
            "INSERT INTO interactions SELECT user_id, 1000 + (hash(user_id, now()) % $2)::BIGINT, "
            "(SELECT max(timestamp) FROM interactions) "
            "FROM (SELECT DISTINCT user_id FROM interactions) WHERE hash(user_id, now()) % 1000000 < $1 * 1000000",
            [options.share, options.items],
        )
    _measure(f"{options.share:.1%} of the users changed", lambda: score(True))
    _measure("nobody changed", lambda: score(True))


def _measure(name: str, job: Callable[[], RunSummary]) -> None:
    before, began = os.times(), time.monotonic()
    summary = job()
    after = os.times()
    figures = {
        "run": name,
        "seconds": round(time.monotonic() - began, 1),
        "cpu_seconds": round(after.user - before.user + after.system - before.system, 1),
        "users": summary.users,
        "scored": summary.scored,
        "kept": summary.kept,
        "peak_memory_megabytes": round(summary.peak_memory / 1e6),
    }
    print(json.dumps(figures), flush=True)


if __name__ == "__main__":
    main()
