"""The runtimes side by side: agreement on golden batches, microseconds a user, latency of one user, size.

    python -m benchmarks.runtimes --into docs/runtimes.md

measures on this machine, on one thread each, and writes the page. The models it times have drawn weights and the
graph that `fit` exports: history to top-100, d = 256. Golden batches are also run on every shipped preset and part.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.synthetic import write_model_folder
from selfrec.export.conformance import Golden, write_cases
from selfrec.export.golden import golden_batches
from selfrec.export.running import agreement, run_program
from selfrec.model_folder.reading import Model, open_model
from tests.runtimes.pipelines import fit_pipeline, pipelines
from tests.runtimes.programs import Program, programs
from tests.shop import make_shop

WIDTH, TOP_K = 256, 100
ONE_USER, MANY = (1, 30), (256, 90)
"""Users and items of history of the two timed batches."""
SIZES = (20_000, 100_000)
WARM_UP = 5


@dataclass
class Row:
    """What was measured of one runtime."""

    name: str
    version: str = ""
    cases: int = 0
    agreed: int = 0
    microseconds: float = float("nan")
    """A user, in a batch of MANY users, at the first of SIZES."""
    latency: dict[int, tuple[float, float]] = field(default_factory=dict)
    """Milliseconds of one user by N: p50, p99."""
    size: int = 0
    missing: str = ""


def timed_model(folder: Path, n_items: int) -> Model:
    """A model with drawn weights, exported as `fit` exports: one gather and one product a user."""
    import torch

    from selfrec.export.graph import to_graph
    from selfrec.host.records import Sizes
    from selfrec.pipeline.chosen import Chosen
    from selfrec.pipeline.part_building import build_part
    from selfrec.pipeline.parts import Part
    from selfrec.pipeline.recommender import Recommender
    from selfrec.plugin import EpochOptions, FeatureExtractor, Generator
    from tests.toys import Factors

    class Wide(Factors):
        width = WIDTH

        def __init__(self, items: int) -> None:
            torch.nn.Module.__init__(self)
            self.embedding = torch.nn.Embedding(items + 1, WIDTH, padding_idx=items)
            self.factors = torch.nn.Parameter(torch.randn(items, WIDTH) / WIDTH**0.5)

        def query(self, batch: Any, features: torch.Tensor) -> torch.Tensor:
            return features

    said: dict[str, Any] = {"options": EpochOptions, "summary": "drawn", "build": lambda _, sizes: Wide(sizes.items)}
    torch.manual_seed(0)
    extractor = build_part(FeatureExtractor(name="wide", **said), "wide", EpochOptions(), Sizes(items=n_items), 1)
    generator = Part(kind="generator", label="wide", record=Generator(name="wide", **said), options=EpochOptions(),
                     module=extractor.module)  # fmt: skip
    stages = Chosen(extractors=(extractor,), generators=(generator,), weights=(1.0,))
    with torch.no_grad():
        graph = to_graph(Recommender(stages, prior=torch.rand(n_items), candidates=200, top_k=TOP_K))
    write_model_folder(folder, graph, n_items=n_items, top_k=TOP_K)
    return open_model(folder)


def timed_cases(folder: Path, model: Model, users: int, length: int) -> Path:
    """One batch of drawn histories; its lists are not compared, only its time is kept."""
    rng = np.random.default_rng(0)
    history = np.stack([rng.choice(model.n_items, length, replace=False) for _ in range(users)])
    inputs: dict[str, npt.NDArray[Any]] = {
        "history": history,
        "weights": np.ones(history.shape, np.float32),
        "exclude": history,
        "item_bias": np.zeros(model.n_items, np.float32),
    }
    empty = np.zeros((users, 0))
    return write_cases(folder, [Golden("timed", inputs, empty.astype(np.int64), empty.astype(np.float32))], "")


def milliseconds(command: Sequence[str], graph: Path, cases: Path, repeat: int) -> list[float]:
    """The times of one batch after warming up; empty where the runtime failed."""
    said, problem = run_program([*command, str(graph), str(cases), "--repeat", str(repeat + WARM_UP)])
    if said is None or "error" in said["results"][0]:
        print(f"{command}: {problem or said}", file=sys.stderr)
        return []
    return list(said["results"][0]["milliseconds"][WARM_UP:])


def product_alone(n_items: int, repeat: int) -> list[float]:
    """Milliseconds of one [1, d] x [d, N] product and its top-k in numpy: what no recommender goes below."""
    rng = np.random.default_rng(0)
    query = rng.standard_normal((1, WIDTH), dtype=np.float32)
    factors = rng.standard_normal((WIDTH, n_items), dtype=np.float32)
    found = []
    for _ in range(repeat + WARM_UP):
        start = time.perf_counter()
        scores = (query @ factors)[0]
        best = np.argpartition(scores, -TOP_K)[-TOP_K:]
        best[np.argsort(-scores[best])]
        found.append((time.perf_counter() - start) * 1000)
    return found[WARM_UP:]


def _product_in_a_process(n_items: int, repeat: int) -> list[float]:
    """With the BLAS that numpy would choose itself, on one thread."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("OPENBLAS_")}
    call = f"product_alone({n_items}, {repeat})"
    code = f"import json; from benchmarks.runtimes import product_alone; print(json.dumps({call}))"
    done = subprocess.run([sys.executable, "-c", code], env=env | {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"},
                          capture_output=True, text=True, check=True)  # fmt: skip
    times: list[float] = json.loads(done.stdout)
    return times


def percentiles(times: Sequence[float]) -> tuple[float, float]:
    """p50 and p99."""
    return (float(np.percentile(times, 50)), float(np.percentile(times, 99))) if times else (np.nan, np.nan)


def measure(folder: Path, repeat: int, names: Sequence[str]) -> list[Row]:
    """All runtimes; the bare product is the first row."""
    shop = make_shop(folder / "shop.duckdb")
    with contextlib.redirect_stdout(sys.stderr):
        agreeing = [fit_pipeline(name, shop, folder) for name in pipelines()]
    timed = {n_items: timed_model(folder / f"timed{n_items}", n_items) for n_items in SIZES}
    first = timed[SIZES[0]]
    agreeing.append((first, write_cases(folder / "golden_timed", golden_batches(first, None), first.sha256)))
    one = {n: timed_cases(folder / f"one{n}", model, *ONE_USER) for n, model in timed.items()}
    many = timed_cases(folder / "many", first, *MANY)
    rows = [Row("numpy: the product and its top-k alone", np.__version__)]
    rows[0].latency = {n: percentiles(_product_in_a_process(n, repeat)) for n in SIZES}
    for program in programs():
        if names and program.name not in names:
            continue
        row = Row(program.name, size=program.size, missing=program.missing)
        rows.append(row)
        if not program.missing:
            _fill(row, program, agreeing, timed, one, many, repeat)
        print(row, file=sys.stderr)
    return rows


def _fill(row: Row, program: Program, agreeing: list[tuple[Model, Path]], timed: dict[int, Model],
          one: dict[int, Path], many: Path, repeat: int) -> None:  # fmt: skip
    for model, cases in agreeing:
        found = agreement(row.name, program.command, model.path / "model.onnx", cases)
        row.version, row.cases, row.agreed = found.version, row.cases + found.cases, row.agreed + found.agreed
    graphs = {n: model.path / "model.onnx" for n, model in timed.items()}
    batch = milliseconds(program.command, graphs[SIZES[0]], many, max(3, repeat // 50))
    row.microseconds = percentiles(batch)[0] * 1000 / MANY[0]
    for n, graph in graphs.items():
        row.latency[n] = percentiles(milliseconds(program.command, graph, one[n], repeat))


def page(rows: Sequence[Row], repeat: int, load: float) -> str:
    """docs/runtimes.md. load: the machine's load average while it was measured, this program's own share of 1 in it."""
    bare = rows[0].latency
    lines = [
        "<!-- Made by python -m benchmarks.runtimes --into docs/runtimes.md; run it again to change it. -->",
        "",
        "# Runtimes",
        "",
        "The same graph and the same golden batches everywhere (`selfrec export MODEL --conformance DIR` writes them).",
        "A batch agrees when its scores are within 1e-4 of the largest and its items are equal where scores differ.",
        "Batches: empty histories of no slot and of padding, padding anywhere, everything excluded, boosted and denied",
        "items, as many items left as a list is long, one less, one alone, an item twice; on every shipped preset and",
        "part, and on a catalog of 20,000 items. `.ci/run` repeats it; `selfrec export MODEL --check` does it for your",
        "model.",
        "",
        "| runtime | version | batches | same lists | microseconds a user | size on disk |",
        "|---|---|---:|---:|---:|---:|",
    ]
    for row in rows[1:]:
        if row.missing:
            lines.append(f"| {row.name} | not here: {row.missing} | | | | |")
            continue
        lines.append(f"| {row.name} | {row.version} | {row.cases} | {row.agreed} | {row.microseconds:,.0f} "
                     f"| {row.size / 1e6:,.0f} MB |")  # fmt: skip
    lines += [
        "",
        f"Microseconds a user: {MANY[0]} users of {MANY[1]} items a batch, N = {SIZES[0]:,}. Size: the installed",
        "Python package, without what it depends on; the library of Node for one platform; the wasm file for a page.",
        "The onnx reference evaluator is written to be read, not to be fast; the browser runs wasm on one thread.",
        "",
        "## One user",
        "",
        f"Milliseconds from ids to a list of {TOP_K}, history of {ONE_USER[1]} items, d = {WIDTH}, one thread, "
        f"{repeat} runs each.",
        "",
        "| runtime | " + " | ".join(f"p50, N = {n:,} | p99 | x bare" for n in SIZES) + " |",
        "|---|" + "---:|---:|---:|" * len(SIZES),
    ]
    for row in rows:
        if not row.missing:
            cells = [f"{row.latency[n][0]:.2f} | {row.latency[n][1]:.2f} | {row.latency[n][0] / bare[n][0]:.1f}"
                     for n in SIZES]  # fmt: skip
            lines.append(f"| {row.name} | " + " | ".join(cells) + " |")
    lines += [
        "",
        "x bare: p50 over that of the bare product and its top-k in numpy, of the same size, on the same machine.",
        "",
        f"Measured on {os.cpu_count()} cores ({platform.machine()}), Python {platform.python_version()}, at a load "
        f"average of {load:.1f}{'' if load < 2 else ': other work disturbed the times, the lists it cannot'}.",
        "Java: onnxruntime's package is on Maven only, which the machine of this run does not reach; not measured.",
    ]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Measure and write the page, or print it."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--into", type=Path)
    parser.add_argument("--repeat", type=int, default=300)
    parser.add_argument("--only", nargs="*", default=[], help="names of runtimes")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        text = page(measure(Path(folder), chosen.repeat, chosen.only), chosen.repeat, os.getloadavg()[1])
    if chosen.into:
        chosen.into.write_text(text, encoding="utf-8")
    else:
        print(text, end="")


if __name__ == "__main__":
    main()
