"""What is set aside comes back, from memory and from the file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from selfrec.source.setting_aside import SetAside


@pytest.mark.parametrize("most_bytes", [0, 3000, 1 << 20])
def test_rows_come_back_by_shard_in_the_order_they_were_added(tmp_path: Path, most_bytes: int) -> None:
    draw = np.random.default_rng(0)
    shards = draw.integers(0, 6, 500).astype(np.int32)
    numbers = draw.integers(0, 99, 500).astype(np.int32)
    words = [None if number % 7 == 0 else "x" * number for number in numbers.tolist()]
    rows = pa.record_batch({"shard": shards, "number": numbers, "word": words})
    aside = SetAside(7, rows.schema, tmp_path, most_bytes).fill(rows.slice(start, 60) for start in range(0, 500, 60))
    assert aside.rows.tolist() == [int((shards == shard).sum()) for shard in range(7)]
    for shard in (3, 0, 1, 2, 4, 5, 3):
        found = aside.take(shard)
        assert found.schema == pa.schema({"number": pa.int32(), "word": pa.string()})
        assert found["number"].to_pylist() == numbers[shards == shard].tolist()
        assert found["word"].to_pylist() == [words[row] for row in np.flatnonzero(shards == shard)]
        assert all(column.num_chunks == 1 for column in found.columns)
    assert aside.take(6).to_pydict() == {"number": [], "word": []}
    assert list(tmp_path.iterdir()) == []


def test_nothing_added(tmp_path: Path) -> None:
    aside = SetAside(2, pa.schema({"shard": pa.int32(), "word": pa.string()}), tmp_path).fill([])
    assert aside.rows.tolist() == [0, 0]
    assert aside.take(1).to_pydict() == {"word": []}


def test_all_of_it_leaves_memory_once_some_of_it_has(tmp_path: Path) -> None:
    rows = pa.record_batch({"shard": np.zeros(1000, dtype=np.int32), "number": np.arange(1000)})
    before = pa.total_allocated_bytes()
    aside = SetAside(1, rows.schema, tmp_path, most_bytes=20_000).fill(rows.slice(0, 1000) for _ in range(5))
    assert pa.total_allocated_bytes() - before < 8000
    assert aside.take(0)["number"].to_pylist() == list(range(1000)) * 5


def test_a_folder_that_was_not_there_is_gone_again(tmp_path: Path) -> None:
    rows = pa.record_batch({"shard": np.zeros(9, dtype=np.int32), "number": np.arange(9)})
    there = tmp_path / "there"
    there.mkdir()
    for folder in (tmp_path / "not" / "there", there):
        assert SetAside(1, rows.schema, folder, most_bytes=0).fill([rows]).take(0).num_rows == 9
    assert [path.name for path in tmp_path.iterdir() if path.name != "not"] == ["there"]
    assert not (tmp_path / "not" / "there").exists()
