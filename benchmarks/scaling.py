"""How the cost of scoring grows with users, items, width, list length and history: tables, exponents, a plot.

    python -m benchmarks.scaling --svg scaling.svg
    python -m benchmarks.scaling --short

One size is varied at a time. The exponent is the slope of log(CPU) over log(size), the CPU of a job of a few users,
which is what starting costs, taken off first: 1 is linear, 0 is no growth.
"""

from __future__ import annotations

import argparse
import math
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.measure import Run, about, machine, markdown, medians, megabytes, run, synthetic, write_json


@dataclass(frozen=True)
class Plan:
    """What is measured."""

    base: dict[str, int]
    varied: dict[str, tuple[int, ...]]


FULL = Plan(
    {"users": 40_000, "items": 10_000, "width": 128, "k": 20, "history": 30},
    {
        "users": (20_000, 40_000, 80_000, 160_000),
        "items": (5_000, 10_000, 20_000, 40_000, 80_000),
        "width": (32, 64, 128, 256),
        "k": (5, 10, 20, 50, 100),
        "history": (10, 30, 90, 200),
    },
)
SHORT = Plan(
    {"users": 2_000, "items": 1_000, "width": 32, "k": 10, "history": 10},
    {"users": (1_000, 2_000, 4_000), "items": (500, 2_000), "width": (16, 64), "k": (5, 20), "history": (5, 20)},
)
FEW = 100
"""Users of the job whose cost counts as that of starting."""


def score(folder: Path, sizes: Mapping[str, int], repeats: int) -> list[Run]:
    """Make the table and the model, then score them some times."""
    shop = {name: sizes[name] for name in ("users", "items", "width")}
    synthetic(folder, **shop, mean_items=sizes["history"])
    command = [sys.executable, "-m", "selfrec", "score", str(folder / "model"), str(folder / "shop.duckdb"), "--quiet"]
    return [run([*command, "--into", "lists", "-k", str(sizes["k"])]) for _ in range(repeats)]


def exponent(points: Sequence[tuple[float, float]]) -> float:
    """Least-squares slope of log y over log x; not a number where fewer than two y are above 0."""
    logs = [(math.log(x), math.log(y)) for x, y in points if y > 0]
    if len(logs) < 2:
        return math.nan
    mean_x, mean_y = (sum(one[at] for one in logs) / len(logs) for at in range(2))
    spread = sum((x - mean_x) ** 2 for x, _ in logs)
    return sum((x - mean_x) * (y - mean_y) for x, y in logs) / spread


def measure(plan: Plan, repeats: int, folder: Path | None) -> dict[str, Any]:
    """Figures of every point, and the exponent of every size."""
    done: dict[tuple[tuple[str, int], ...], dict[str, float]] = {}

    def figures(sizes: dict[str, int]) -> dict[str, float]:
        key = tuple(sizes.items())
        if key not in done:
            with tempfile.TemporaryDirectory(dir=folder) as name:
                done[key] = medians(score(Path(name), sizes, repeats))
        return done[key]

    found: dict[str, Any] = {"base": plan.base, "sizes": {}}
    for name, values in plan.varied.items():
        points = []
        for value in values:
            sizes = plan.base | {name: value}
            # The model of the same N and d: opening it is a part of starting.
            start = figures(sizes | {"users": FEW, "history": plan.base["history"]})
            points.append({"value": value, "start": start["cpu"], **figures(sizes)})
        slope = exponent([(one["value"], one["cpu"] - one["start"]) for one in points])
        found["sizes"][name] = {"points": points, "exponent": slope}
    return found


def tables(found: dict[str, Any]) -> str:
    """One Markdown table a size."""
    blocks = [f"Base: {', '.join(f'{name} {value:,}' for name, value in found['base'].items())}."]
    for name, one in found["sizes"].items():
        rows = [
            [
                f"{p['value']:,}",
                f"{p['wall']:.2f}",
                f"{p['cpu']:.2f}",
                f"{p['cpu'] - p['start']:.2f}",
                megabytes(p["peak"]),
            ]
            for p in one["points"]
        ]
        header = [name, "seconds", "CPU seconds", "without the start", "peak memory"]
        blocks.append(f"### {name}: exponent {one['exponent']:.2f}\n\n{markdown(header, rows)}")
    return "\n\n".join(blocks)


def plot(found: dict[str, Any], path: Path) -> None:
    """All curves over the size as a multiple of the base, on logarithmic axes."""
    import matplotlib

    matplotlib.use("svg")
    from matplotlib import pyplot
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    figure, axes = pyplot.subplots(figsize=(7, 5), layout="constrained")
    for name, one in found["sizes"].items():
        drawn = [(p["value"] / found["base"][name], p["cpu"] - p["start"]) for p in one["points"]]
        drawn = [point for point in drawn if point[1] > 0]
        label = f"{name}, exponent {one['exponent']:.2f}"
        axes.loglog([x for x, _ in drawn], [y for _, y in drawn], marker="o", label=label)
    axes.set_xlabel("size, as a multiple of the base")
    axes.set_ylabel("CPU seconds without the start")
    for axis, subs in ((axes.xaxis, (1.0, 2.0, 5.0)), (axes.yaxis, (1.0, 2.0, 3.0, 5.0))):
        axis.set_major_locator(LogLocator(subs=subs))
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axis.set_minor_formatter(NullFormatter())
    axes.grid(visible=True, which="both", alpha=0.2)
    axes.legend()
    figure.savefig(path, format="svg", metadata={"Date": None})
    pyplot.close(figure)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print and draw."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--short", action="store_true", help="small sizes, to see that it runs")
    parser.add_argument("--only", action="append", choices=list(FULL.varied), help="vary these alone")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--folder", type=Path, help="where tables are made (default: the system's)")
    parser.add_argument("--svg", type=Path)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args(arguments)
    plan = SHORT if options.short else FULL
    if options.only:
        plan = Plan(plan.base, {name: values for name, values in plan.varied.items() if name in options.only})
    result = {"benchmark": "scaling"} | measure(plan, options.repeats, options.folder)
    print(tables(result))
    if options.svg is not None:
        plot(result, options.svg)
    result["machine"] = machine()
    print(f"\nMedians of {options.repeats}. {about(result['machine'])}")
    write_json(options.json, result)


if __name__ == "__main__":
    main()
