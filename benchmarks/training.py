"""Training on Gowalla (LightGCN's split): time of an epoch, of the whole fit, and what it reaches, beside others.

    SELFREC_DATA=../data python -m benchmarks.training --with implicit,recbole

Each in its own process: selfrec with its presets `default` and `fast`, `implicit` ALS with 64 factors and its defaults,
RecBole's MultiVAE with its defaults for so many epochs. A fit of selfrec is all of it: cleaning, training, selection,
refit, graph exported and checked, test part, report; its training is what stands between clean histories and weights,
which is all that a fit of the others is; its epoch is the median of the autoencoder's. Recall@20 and NDCG@20 on the
published test part, all items ranked, train items left out, by the same code for all.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.environments import FOLDER, TOOLKITS, python_of
from benchmarks.measure import (
    ROOT,
    BenchmarkError,
    about,
    machine,
    markdown,
    megabytes,
    run,
    write_json,
)

DATA = Path(os.environ.get("SELFREC_DATA", ROOT.parent / "shared" / "data"))
SCRIPTS = {"selfrec": "selfrec_fit.py", "implicit": "implicit_fit.py", "recbole": "recbole_fit.py"}
NAMES = {"implicit": "implicit ALS", "recbole": "RecBole MultiVAE"}
SELFREC = "selfrec, "
"""Before a preset's name: a row of the table."""


def arrange(source: Path, folder: Path) -> None:
    """The train and test rows as arrays for all, in another process: this one has to stay small."""
    run([sys.executable, str(ROOT / "benchmarks" / "rivals" / "arrange.py"), str(source), str(folder)])


def main(arguments: Sequence[str] | None = None) -> None:
    """Train each once and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--source", type=Path, default=DATA / "gowalla-lightgcn" / "interactions.parquet")
    parser.add_argument("--with", dest="with_", default="", metavar="NAMES", help="any of implicit,recbole")
    parser.add_argument("--presets", default="default,fast", metavar="NAMES", help="of selfrec")
    parser.add_argument("--epochs", type=int, default=10, help="of MultiVAE")
    parser.add_argument("--quality", type=float, default=0.185, help="Recall@20 whose time is asked for")
    parser.add_argument("-o", dest="options", action="append", default=[], metavar="NAME=VALUE", help="of selfrec fit")
    parser.add_argument("--environments", type=Path, default=FOLDER)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args(arguments)
    if not options.source.exists():
        raise SystemExit(f"{options.source}: not there; SELFREC_DATA names the folder of the data sets")
    pythons: dict[str, Path | str] = {SELFREC + preset: sys.executable for preset in options.presets.split(",")}
    skipped: dict[str, str] = {}
    for name in filter(None, options.with_.split(",")):
        if name not in SCRIPTS:
            raise SystemExit(f"--with {name}: there are implicit and recbole")
        try:
            pythons[name] = python_of(name, options.environments)
        except BenchmarkError as error:
            skipped[name] = str(error)
    result: dict[str, Any] = {"benchmark": "training", "runs": {}, "skipped": skipped}
    with tempfile.TemporaryDirectory() as folder:
        arrange(options.source, Path(folder))
        for name, python in pythons.items():
            preset = name.removeprefix(SELFREC) if name.startswith(SELFREC) else None
            extra = [preset, *options.options] if preset else {"recbole": [str(options.epochs)]}.get(name, [])
            threads = TOOLKITS[name].threads if name in TOOLKITS else {}
            path = os.environ.get("PYTHONPATH", "") if preset else ""
            script = str(ROOT / "benchmarks" / "rivals" / SCRIPTS["selfrec" if preset else name])
            try:
                done = run([str(python), script, folder, *extra], environment={**threads, "PYTHONPATH": path})
            except BenchmarkError as error:
                skipped[name] = str(error).splitlines()[-1][:300]
                continue
            said = json.loads(done.output.strip().splitlines()[-1])
            result["runs"][name] = said | {"process": done}
    print(table(result["runs"], options.quality))
    for name, reason in skipped.items():
        print(f"\n{name} left out: {reason}")
    result["machine"] = machine()
    print(f"\n{about(result['machine'])}")
    write_json(options.json, result)


def table(runs: dict[str, Any], quality: float) -> str:
    """One row a toolkit."""
    rows = []
    for name, one in runs.items():
        reached = next((seconds for seconds, recall in one["reached"] if recall >= quality), None)
        rows.append(
            [
                NAMES.get(name, name),
                f"{one['epoch']:.1f}",
                str(one["epochs"]),
                f"{one.get('trained', one['fit']):.1f}",
                f"{one['fit']:.1f}",
                f"{one['cpu']:.1f}" if "cpu" in one else "-",
                f"{one['recall']:.4f}",
                f"{one['ndcg']:.4f}",
                "-" if reached is None else f"{reached:.1f}",
                f"{one['process'].cpu:.0f}",
                megabytes(one["process"].peak),
            ]
        )
    header = [
        "what",
        "epoch, s",
        "epochs",
        "training, s",
        "fit, s",
        "fit, CPU s",
        "Recall@20",
        "NDCG@20",
        f"s to Recall@20 {quality:g}",
    ]
    return markdown([*header, "CPU s of the process", "peak memory"], rows)


if __name__ == "__main__":
    main()
