"""What does the first product in 8 bits gain on a model of yours, and are its lists the graph's?

    python -m benchmarks.screen MODEL SOURCE -k 10 -k 20 -k 100

Histories in memory to lists, with the screen and without, in turn. Printed: of how many users the few candidates were
not enough, the time beside the whole product, and places of lists that hold another item, whose scores then are equal
up to rounding (the largest difference of two scores at one place stands beside it).
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any
from unittest.mock import patch

import numpy as np

from benchmarks.measure import about, machine, markdown, write_json
from selfrec.histories import Float32, Histories, Int64
from selfrec.model_folder.reading import Model, open_model
from selfrec.scoring.candidates import Bounds
from selfrec.scoring.kernel import Scorer
from selfrec.settings.tables import ScoringSettings
from selfrec.source.open import open_source
from selfrec.source.reading import HistoryReader


def some_histories(model: Model, source: str, users: int) -> Histories:
    """Histories of users drawn from the first shard."""
    with open_source(source, model.config.source) as opened:
        shard = HistoryReader(opened, model.config, model.catalog).read(0)
    rows = shard.histories(model.n_items, model.config.cleaning.max_history)
    return rows.take(np.sort(np.random.default_rng(0).permutation(len(rows))[:users]))


@contextmanager
def count_doubtful() -> Iterator[list[int]]:
    """A list that grows by how many rows the first candidates were not enough for, whenever a scorer runs."""
    doubtful: list[int] = []
    groups = Bounds.groups

    def counting(bounds: Bounds, rows: Int64, worst: Float32, most: int) -> list[Int64]:
        doubtful.append(len(rows))
        return groups(bounds, rows, worst, most)

    with patch.object(Bounds, "groups", counting):
        yield doubtful


def measure(model: Model, rows: Histories, k: int, options: argparse.Namespace) -> dict[str, Any] | None:
    """One list length; None where the model has no screen for it."""
    screened, whole = (
        Scorer(model, ScoringSettings(k=k, threads=options.threads, screen=screen)) for screen in (True, False)
    )
    if screened.runner.candidates is None:
        return None
    seconds: dict[Scorer, list[float]] = {screened: [], whole: []}
    lists = {}
    with count_doubtful() as doubtful:
        for _ in range(options.repeats):
            for scorer, times in seconds.items():
                begin = time.perf_counter()
                lists[scorer] = scorer.score(rows)
                times.append((time.perf_counter() - begin) / len(rows) * 1e6)
    left = np.isfinite(lists[whole].scores)
    gaps = np.abs(lists[screened].scores[left] - lists[whole].scores[left])
    return {
        "k": k,
        "candidates": screened.runner.candidates,
        "doubtful": sum(doubtful) / options.repeats / len(rows),
        "screened": median(seconds[screened]),
        "whole": median(seconds[whole]),
        "times_as_fast": median(b / a for a, b in zip(*seconds.values(), strict=True)),
        "other_items": float((lists[screened].items != lists[whole].items).mean()),
        "largest_gap": float(gaps.max(initial=0) / max(float(np.abs(lists[whole].scores[left]).max(initial=0)), 1e-9)),
    }


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("source")
    parser.add_argument("--users", type=int, default=8192)
    parser.add_argument("-k", type=int, action="append", help="list length; may be given more than once (default 20)")
    parser.add_argument("--threads", type=int, help="default: all cores")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args(arguments)
    model = open_model(options.model)
    rows = some_histories(model, options.source, options.users)
    found = [one for k in options.k or [20] if (one := measure(model, rows, k, options)) is not None]
    print(f"N {model.n_items:,}, {len(rows):,} users, medians of {options.repeats}\n")
    header = ["k", "candidates", "not enough for", "us a user", "whole product", "times as fast"]
    header += ["other items", "largest gap, of the highest score"]
    table = [
        [
            str(one["k"]),
            str(one["candidates"]),
            f"{one['doubtful']:.2%}",
            f"{one['screened']:.1f}",
            f"{one['whole']:.1f}",
            f"{one['times_as_fast']:.2f}",
            f"{one['other_items']:.3%}",
            f"{one['largest_gap']:.1e}",
        ]
        for one in found
    ]
    print(markdown(header, table))
    print(f"\n{about(machine())}")
    write_json(options.json, {"benchmark": "screen", "lists": found, "machine": machine()})


if __name__ == "__main__":
    main()
