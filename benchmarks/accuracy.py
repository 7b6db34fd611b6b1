"""Accuracy of every preset beside the baselines, on every protocol, as tables.

    python benchmarks/accuracy.py                                 everything that is not there yet
    python benchmarks/accuracy.py --only 'cfgan-ml100k' --only 'tafeng-*:ease'
    python benchmarks/accuracy.py --table                         only the tables of what is there

Needs `pip install 'selfrec[benchmark]'` and the data folder that SELFREC_DATA names. One JSON file a run is kept in
the output folder; a run whose rows, options, code and versions are unchanged is not made again, so that a run that
was cut off goes on. Tables: OUT/summary.md and OUT/tables.md.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.offline import records
from benchmarks.offline.protocols import ALL
from benchmarks.offline.running import Bench, stale
from benchmarks.offline.tables import full_tables, summary_table


def main(arguments: list[str] | None = None) -> int:
    """Run, then write the tables; 1 when a run failed."""
    asked = _parser().parse_args(arguments)
    bench = Bench(asked.data, asked.out, large=asked.large, overrides=tuple(asked.option))
    jobs = list(bench.jobs(asked.only, asked.seeds))
    if not jobs:
        print(f"Error: --only {' '.join(asked.only)} matches nothing; see --list", file=sys.stderr)
        return 2
    if asked.list:
        for name in dict.fromkeys(f"{job.protocol.name}:{job.name}" for job in jobs):
            print(name)
        return 0
    failed = 0 if asked.table else bench.run(jobs)
    found = records.read_all(asked.out)
    if not found:
        print(f"Error: no records in {asked.out}; run without --table", file=sys.stderr)
        return 1
    for name in stale(found):
        print(f"Warning: {name} is of other code than there is now; run it again", file=sys.stderr)
    (asked.out / "tables.md").write_text(full_tables(ALL, found), encoding="utf-8")
    summary = summary_table(ALL, found)
    (asked.out / "summary.md").write_text(summary, encoding="utf-8")
    print(summary, end="")
    return 1 if failed else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="accuracy.py", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    data = Path(os.environ.get("SELFREC_DATA", "../shared/data"))
    parser.add_argument("--data", type=Path, default=data, help="data folder [SELFREC_DATA, or ../shared/data]")
    parser.add_argument("--out", type=Path, default=Path("accuracy-records"), help="records and tables [%(default)s]")
    parser.add_argument("--seeds", type=_seeds, default=[0, 1, 2], help="seeds, comma-separated [0,1,2]")
    parser.add_argument("--only", action="append", default=[], metavar="PROTOCOL[:MODEL]", help="patterns; repeatable")
    parser.add_argument("--large", action="store_true", help="fit dense item-item models of any size that fits memory")
    parser.add_argument(
        "-o", "--option", action="append", default=[], metavar="NAME=VALUE", help="an option of the presets' fits"
    )
    parser.add_argument("--table", action="store_true", help="only write the tables")
    parser.add_argument("--list", action="store_true", help="only list what would be looked at")
    return parser


def _seeds(text: str) -> list[int]:
    return [int(seed) for seed in text.split(",")]


if __name__ == "__main__":
    sys.exit(main())
