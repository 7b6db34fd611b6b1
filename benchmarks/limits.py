"""What a fit needs in memory: whole processes over the number of users and of items, and what then fits a machine.

    python -m benchmarks.limits --memory 24

One size is varied at a time. Each point makes a shop and fits it for one epoch with everything else left alone; the
peak is the process's resident memory. The last two points of a size give the bytes of each further user or item, and
with them the number that the memory of --memory GiB would hold, nine tenths of it used.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.measure import about, machine, markdown, megabytes, run, synthetic, write_json

USED = 0.9
"""Share of a machine's memory that a fit is to have."""


@dataclass(frozen=True)
class Plan:
    """Sizes of the shop, and which of them are varied."""

    base: Mapping[str, int]
    varied: Mapping[str, tuple[int, ...]]
    options: tuple[str, ...] = ()


FULL = Plan(
    {"users": 50_000, "items": 20_000, "history": 30},
    {"users": (50_000, 500_000, 2_000_000), "items": (20_000, 100_000, 300_000)},
)
SHORT = Plan(
    {"users": 300, "items": 100, "history": 10},
    {"users": (300, 600), "items": (100, 200)},
    ("extractor.autoencoder.width=8", "pipeline.generators=autoencoder"),
)


def peak(folder: Path, sizes: Mapping[str, int], options: Sequence[str]) -> dict[str, float]:
    """Make a shop and fit it: peak bytes, seconds."""
    synthetic(folder, users=sizes["users"], items=sizes["items"], mean_items=sizes["history"], width=1)
    settings = ["extractor.autoencoder.epochs=1", "cleaning.min_users_per_item=1", *options]
    command = [sys.executable, "-m", "selfrec", "fit", str(folder / "shop.duckdb"), "--out", str(folder / "fitted")]
    done = run([*command, "--quiet", *(word for option in settings for word in ("-o", option))])
    return {"peak": done.peak, "wall": done.wall, "cpu": done.cpu}


def measure(plan: Plan, folder: Path | None, options: Sequence[str]) -> dict[str, Any]:
    """Peaks of every point; the bytes that a further one of each size costs."""
    done: dict[tuple[int, ...], dict[str, float]] = {}
    found: dict[str, Any] = {}
    for name, values in plan.varied.items():
        points = []
        for value in values:
            sizes = {**plan.base, name: value}
            key = tuple(sizes.values())
            if key not in done:
                with tempfile.TemporaryDirectory(dir=folder) as where:
                    done[key] = peak(Path(where), sizes, (*plan.options, *options))
                print(f"{name} {value:,}: {megabytes(done[key]['peak'])}, {done[key]['wall']:.0f} s", file=sys.stderr)
            points.append({"value": value, **done[key]})
        before, last = points[-2:]
        slope = (last["peak"] - before["peak"]) / (last["value"] - before["value"])
        found[name] = {"points": points, "bytes": slope}
    return found


def fits(one: Mapping[str, Any], memory: float) -> float:
    """How many of a size fit `memory` bytes, as the last two points tell; infinite where they do not grow."""
    last = one["points"][-1]
    if one["bytes"] <= 0:
        return float("inf")
    return float(last["value"] + (memory * USED - last["peak"]) / one["bytes"])


def tables(found: Mapping[str, Any], plan: Plan, memory: float) -> str:
    """One table a size, and what would fit."""
    blocks = [f"Base: {', '.join(f'{name} {value:,}' for name, value in plan.base.items())}."]
    for name, one in found.items():
        rows = [[f"{p['value']:,}", megabytes(p["peak"]), f"{p['wall']:.0f}", f"{p['cpu']:.0f}"] for p in one["points"]]
        blocks.append(markdown([name, "peak memory", "seconds", "CPU seconds"], rows))
        blocks.append(
            f"A further one of {name}: {one['bytes']:,.0f} bytes. {memory / 2**30:g} GiB would hold about "
            f"{fits(one, memory):,.0f} ({USED:.0%} of it used)."
        )
    return "\n\n".join(blocks)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--short", action="store_true", help="small sizes, to see that it runs")
    parser.add_argument("--only", choices=list(FULL.varied), help="vary this alone")
    parser.add_argument("--values", help="its values, comma-separated")
    parser.add_argument("--memory", type=float, default=24.0, help="GiB to reckon with [%(default)s]")
    parser.add_argument("-o", "--option", action="append", default=[], metavar="NAME=VALUE", help="of the fits")
    parser.add_argument("--folder", type=Path, help="where tables are made (default: the system's)")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args(arguments)
    plan = SHORT if options.short else FULL
    if options.only:
        values = plan.varied[options.only]
        if options.values:
            values = tuple(int(value) for value in options.values.split(","))
        plan = Plan(plan.base, {options.only: values}, plan.options)
    found = measure(plan, options.folder, options.option)
    print(tables(found, plan, options.memory * 2**30))
    where = machine()
    print(f"\nOne epoch, each once. {about(where)}")
    write_json(options.json, {"benchmark": "limits", "sizes": found, "machine": where})


if __name__ == "__main__":
    main()
