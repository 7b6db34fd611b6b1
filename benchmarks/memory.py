"""Peak memory of scoring many users against few: it should not grow.

python -m benchmarks.memory --users 500000 --users 5000000
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.measure import about, machine, markdown, megabytes, run, synthetic, write_json


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure each size once, the table made by DuckDB, and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--users", type=int, action="append", help="default: 500,000 and 5,000,000")
    parser.add_argument("--items", type=int, default=2_000)
    parser.add_argument("--width", type=int, default=32)
    parser.add_argument("--history", type=float, default=10.0)
    parser.add_argument("-k", type=int, default=10)
    parser.add_argument("--shard-rows", type=int, help="of selfrec score")
    parser.add_argument("--folder", type=Path, help="where tables are made (default: the system's)")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args(arguments)
    sizes = options.users or [500_000, 5_000_000]
    extra = [] if options.shard_rows is None else ["--shard-rows", str(options.shard_rows)]
    found: list[dict[str, Any]] = []
    for users in sizes:
        with tempfile.TemporaryDirectory(dir=options.folder) as name:
            folder = Path(name)
            synthetic(folder, users=users, items=options.items, width=options.width, mean_items=options.history)
            command = [sys.executable, "-m", "selfrec", "score", str(folder / "model"), str(folder / "shop.duckdb")]
            done = run([*command, "--into", "lists", "-k", str(options.k), "--quiet", "--json", *extra])
            said = json.loads(done.output)
            found.append({"users": users, "rows": said["rows"], "shards": said["shards"], "run": done})
    base = found[0]["run"]
    rows = [
        [
            f"{one['users']:,}",
            f"{one['rows']:,}",
            str(one["shards"]),
            megabytes(one["run"].peak),
            f"{one['run'].peak / base.peak:.2f}",
            f"{one['users'] / one['run'].wall:,.0f}",
            f"{one['run'].cpu / one['users'] * 1e6:.1f}",
        ]
        for one in found
    ]
    header = ["users", "rows of the result", "shards", "peak memory", "ratio", "users per second", "CPU us a user"]
    print(f"N {options.items:,}, d {options.width}, {options.history:g} items of history, k {options.k}\n")
    print(markdown(header, rows))
    here = machine()
    result = {"benchmark": "memory", "sizes": found, "machine": here}
    print(f"\n{about(here)}")
    write_json(options.json, result)


if __name__ == "__main__":
    main()
