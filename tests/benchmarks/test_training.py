"""The training benchmark: what needs no other toolkit."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from benchmarks import training
from benchmarks.measure import ROOT

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
