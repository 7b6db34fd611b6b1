"""The training benchmark: what needs no other toolkit."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from benchmarks import training
from benchmarks.measure import ROOT, Run

sys.path.insert(0, str(ROOT / "benchmarks" / "rivals"))
from quality import quality, read_split


def test_without_the_data() -> None:
    with pytest.raises(SystemExit, match="SELFREC_DATA"):
        training.main(["--source", "no/such.parquet"])


def test_a_published_split_as_arrays_and_its_measures(tmp_path: Path) -> None:
    rows = [("b", 70, "train"), ("a", 50, "train"), ("a", 60, "test"), ("a", 90, "test"), ("b", 50, "test")]
    table = {name: [row[at] for row in rows] for at, name in enumerate(("user_id", "item_id", "split"))}
    pq.write_table(pa.table(table), tmp_path / "events.parquet")
    training.arrange(tmp_path / "events.parquet", tmp_path)
    split = read_split(tmp_path)
    assert (split.users, split.items) == (2, 4)
    assert split.train_items.tolist() == [0, 2]
    assert split.test_offsets.tolist() == [0, 2, 3]
    assert split.test_items.tolist() == [1, 3, 0]
    lists = np.full((2, 20), -1)
    lists[0, :2] = [2, 3]  # One of two, in the second place.
    recall, ndcg = quality(split, lists)
    assert recall == pytest.approx((1 / 2 + 0) / 2)
    assert ndcg == pytest.approx((1 / np.log2(3)) / (1 + 1 / np.log2(3)) / 2)


def test_a_row_for_each_toolkit_and_preset() -> None:
    one = {"epoch": 2.0, "epochs": 8, "fit": 30.0, "cpu": 29.5, "recall": 0.186, "ndcg": 0.157}
    process = Run(wall=35.0, cpu=34.0, peak=2 << 20, output="")
    runs = {
        "selfrec, fast": {**one, "trained": 20.0, "reached": [[30.0, 0.186]], "process": process},
        "recbole": {**{key: one[key] for key in one if key != "cpu"}, "reached": [[9.0, 0.1]], "process": process},
    }
    fast, recbole = training.table(runs, 0.185).splitlines()[-2:]
    assert [cell.strip() for cell in fast.split("|")[1:10]] == [
        "selfrec, fast", "2.0", "8", "20.0", "30.0", "29.5", "0.1860", "0.1570", "30.0",
    ]  # fmt: skip
    assert [cell.strip() for cell in recbole.split("|")[1:10]] == [
        "RecBole MultiVAE", "2.0", "8", "30.0", "30.0", "-", "0.1860", "0.1570", "-",
    ]  # fmt: skip
