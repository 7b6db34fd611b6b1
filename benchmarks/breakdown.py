"""Where the time of scoring a table goes: CPU seconds of each part, the whole job on one thread in this process.

What a screen does after its first product, the masking included, counts as "top-k"; so does scoring users of whom it is
never sure by the graph as it is.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from unittest.mock import patch

import onnxruntime

from selfrec.graph import session
from selfrec.model_folder import reading
from selfrec.model_folder.reading import Model, open_model
from selfrec.scoring import candidates, screening
from selfrec.scoring.candidates import Bounds
from selfrec.scoring.kernel import Scorer
from selfrec.scoring.result_parts import PartNote, hash_shard, result_table, write_part
from selfrec.scoring.summary import RunRow
from selfrec.scoring.table_target import TableTarget
from selfrec.settings.tables import ScoringSettings
from selfrec.source.open import open_source
from selfrec.source.reading import HistoryReader

PARTS = ("opening", "reading", "padding", "encoder", "product", "mask", "top-k", "writing", "publishing")


class _Clock:
    """CPU seconds by part."""

    def __init__(self) -> None:
        self.parts = dict.fromkeys(PARTS, 0.0)

    @contextmanager
    def of(self, part: str) -> Iterator[None]:
        begin = time.process_time()
        yield
        self.parts[part] += time.process_time() - begin


class _Profiled:
    """A session of the scorer: counts the CPU seconds inside and has onnxruntime note each operation."""

    def __init__(self, session: onnxruntime.InferenceSession) -> None:
        self._session = session
        self.seconds = 0.0

    def run(self, *arguments: Any) -> Any:
        begin = time.process_time()
        result = self._session.run(*arguments)
        self.seconds += time.process_time() - begin
        return result

    def get_inputs(self) -> Any:
        return self._session.get_inputs()

    def get_outputs(self) -> Any:
        return self._session.get_outputs()

    def spent(self) -> dict[tuple[int, str], float]:
        """CPU seconds of each operation, by its number and name, in order."""
        events = json.loads(Path(self._session.end_profiling()).read_text())
        spent: dict[tuple[int, str], float] = {}
        for one in events:
            if one.get("cat") == "Node" and one["name"].endswith("_kernel_time"):
                key = (int(one["args"]["node_index"]), one["args"]["op_name"])
                spent[key] = spent.get(key, 0.0) + one["dur"]
        every = sum(spent.values())
        return {key: self.seconds * spent[key] / every for key in sorted(spent)}


@contextmanager
def _choosing(clock: _Clock) -> Iterator[None]:
    """What a screen does outside of its sessions counts as "top-k" instead of "padding"."""

    def counted(function: Callable[..., Any]) -> Callable[..., Any]:
        def run(*arguments: Any) -> Any:
            before = clock.parts["top-k"]
            with clock.of("top-k"):
                result = function(*arguments)
            clock.parts["padding"] -= clock.parts["top-k"] - before
            return result

        return run

    with (
        patch.object(screening, "add", counted(candidates.add)),
        patch.object(screening, "mask", counted(candidates.mask)),
        patch.object(screening, "added_to", counted(candidates.added_to)),
        patch.object(Bounds, "highest", counted(Bounds.highest)),
        patch.object(Bounds, "reaching", counted(Bounds.reaching)),
    ):
        yield


@contextmanager
def _profiled(folder: Path) -> Iterator[list[_Profiled]]:
    """The sessions that are started meanwhile."""
    started: list[_Profiled] = []

    def start(*arguments: Any, **named: Any) -> _Profiled:
        prefix = folder / f"profile-{len(started)}"
        started.append(_Profiled(session.start_session(*arguments, **named, profile=prefix)))
        return started[-1]

    with patch.object(reading, "start_session", start):
        yield started


def _of_the_graph(sessions: list[_Profiled]) -> dict[str, float]:
    """CPU seconds of the parts of the graph: the product is the costliest of all products."""
    spent = [session.spent() for session in sessions if session.seconds]
    found = dict.fromkeys(("encoder", "product", "mask", "top-k"), 0.0)
    products = ("Gemm", "MatMul", "MatMulIntegerToFloat")
    # The head of a graph in two has a product as well, but in the next session there is a costlier one.
    dearest = max((one[key], number, key) for number, one in enumerate(spent) for key in one if key[1] in products)
    for number, one in enumerate(spent):
        order = list(one)
        for place, key in enumerate(order):
            if (number, key) == dearest[1:]:
                part = "product"
            elif key[1] == "ScatterElements":
                part = "mask"
            else:
                before = number < dearest[1] or (number == dearest[1] and place < order.index(dearest[2]))
                part = "encoder" if before else "top-k"
            found[part] += one[key]
    return found


def breakdown(model_path: Path, shop: Path, *, k: int) -> dict[str, float]:
    """CPU seconds of each of PARTS, scoring a DuckDB table into a table `breakdown` of another file."""
    clock = _Clock()
    with tempfile.TemporaryDirectory(dir=shop.parent) as name:
        folder = Path(name)
        with clock.of("opening"), _profiled(folder) as sessions:
            model = open_model(model_path)
            settings = ScoringSettings(k=k, threads=1)
            scorer = Scorer(model, settings)
        target = TableTarget(folder / "result.duckdb", "breakdown")
        target.staging.mkdir()
        parts, rows = [], 0
        with open_source(
            str(shop), model.config.source, memory_megabytes=1024, threads=1, temp_directory=str(folder / "spill")
        ) as source:
            with clock.of("reading"):
                reader = HistoryReader(source, model.config.model_copy(update={"scoring": settings}), model.catalog)
            for number in range(reader.shards):
                with clock.of("reading"):
                    shard = reader.read(number)
                    inputs = hash_shard(shard)
                # And what is inside the sessions, which is taken off below.
                with clock.of("padding"), _choosing(clock):
                    lists = scorer.score(shard.histories(model.n_items, model.config.cleaning.max_history))
                with clock.of("writing"):
                    table = result_table(lists, shard.user_ids, model.catalog.item_ids)
                    note = PartNote(identity="", inputs=inputs, users=len(shard), cold_users=0, rows=table.num_rows)
                    parts.append(target.staging / f"part-{number}.parquet")
                    write_part(parts[-1], table, note)
                    rows += table.num_rows
            types = (source.user_type, model.manifest.columns.item_type)
        with clock.of("publishing"):
            target.publish(parts, types, _row(model, reader.users, rows))
        for part, seconds in _of_the_graph(sessions).items():
            clock.parts[part] += seconds
    clock.parts["padding"] -= sum(session.seconds for session in sessions)
    return clock.parts


def _row(model: Model, users: int, rows: int) -> RunRow:
    return RunRow(
        run_id="breakdown",
        model_sha256=model.sha256,
        source="",
        options="{}",
        started=datetime.now(UTC),
        users=users,
        rows=rows,
        scored=users,
        kept=0,
        removed=0,
        users_per_second=0.0,
        peak_memory=0,
    )


def main() -> None:
    """Print the parts of `FOLDER/model` over `FOLDER/shop.duckdb` as JSON."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("-k", type=int, default=20)
    options = parser.parse_args()
    print(json.dumps(breakdown(options.folder / "model", options.folder / "shop.duckdb", k=options.k)))


if __name__ == "__main__":
    main()
