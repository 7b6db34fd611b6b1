"""Where the time of scoring a table goes: CPU seconds of each part, the whole job on one thread in this process."""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

from selfrec.model_folder.manifest import GRAPH
from selfrec.model_folder.reading import Model, open_model
from selfrec.scoring.kernel import Scorer
from selfrec.scoring.parts import PartNote, hash_shard, result_table, write_part
from selfrec.scoring.running import GraphRunner
from selfrec.scoring.targets import RunRow, TableTarget
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
    """Stands in for a scorer's session: counts the CPU seconds inside and has onnxruntime note each operation.

    Users of whom a screen is never sure are scored by the graph as it is, in a session that is not looked into; their
    time counts as "padding".
    """

    def __init__(self, model: Model, runner: GraphRunner, k: int, folder: Path) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3
        options.enable_profiling = True
        options.profile_file_prefix = str(folder / "profile")
        self._length = onnxruntime.OrtValue.ortvalue_from_numpy(np.array([k], dtype=np.int64))
        edited = model.screened(k) if runner.screens else model.unbiased()
        if not runner.screens and k < model.top_k and model.surface.adjustable_k:
            options.add_initializer("top_k", self._length)
        if edited is not None and edited.tensors:
            values = [onnxruntime.OrtValue.ortvalue_from_numpy(array) for array in edited.tensors.values()]
            options.add_external_initializers(list(edited.tensors), values)
        content = str(model.path / GRAPH) if edited is None else edited.content
        self._session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
        self.seconds = 0.0
        runner.stand_in(self)

    def run(self, *arguments: Any) -> Any:
        begin = time.process_time()
        result = self._session.run(*arguments)
        self.seconds += time.process_time() - begin
        return result

    def shares(self) -> dict[str, float]:
        """Share of each part of the graph: the product is the costliest of all products."""
        events = json.loads(Path(self._session.end_profiling()).read_text())
        nodes = [one for one in events if one.get("cat") == "Node" and one["name"].endswith("_kernel_time")]
        spent: dict[tuple[int, str], float] = {}
        order: list[tuple[int, str]] = []
        for one in nodes:
            key = (int(one["args"]["node_index"]), one["args"]["op_name"])
            if key not in spent:
                order.append(key)
            spent[key] = spent.get(key, 0.0) + one["dur"]
        products = ("Gemm", "MatMul", "MatMulIntegerToFloat")
        product = max((key for key in order if key[1] in products), key=spent.__getitem__)
        shares = dict.fromkeys(("encoder", "product", "mask", "top-k"), 0.0)
        for place, key in enumerate(order):
            if key == product:
                part = "product"
            elif key[1] == "ScatterElements":
                part = "mask"
            else:
                part = "encoder" if place < order.index(product) else "top-k"
            shares[part] += spent[key] / sum(spent.values())
        return shares


def breakdown(model_path: Path, shop: Path, *, k: int) -> dict[str, float]:
    """CPU seconds of each of PARTS, scoring a DuckDB table into a table `breakdown` of another file."""
    clock = _Clock()
    with tempfile.TemporaryDirectory(dir=shop.parent) as name:
        folder = Path(name)
        with clock.of("opening"):
            model = open_model(model_path)
            settings = ScoringSettings(k=k, threads=1)
            scorer = Scorer(model, settings)
        session = _Profiled(model, scorer.runner, k, folder)
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
                with clock.of("padding"):  # And what is inside the session, which is taken off below.
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
        for part, share in session.shares().items():
            clock.parts[part] = share * session.seconds
    clock.parts["padding"] -= session.seconds
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
