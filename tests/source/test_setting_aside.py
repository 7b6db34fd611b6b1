"""What is set aside comes back, from memory and from the file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from selfrec.source.setting_aside import SetAside


@pytest.mark.parametrize("most_bytes", [0, 100, 1 << 20])
def test_rows_come_back_by_shard_in_the_order_they_were_added(tmp_path: Path, most_bytes: int) -> None:
    draw = np.random.default_rng(0)
    aside = SetAside(7, tmp_path, most_bytes)
    shards = draw.integers(0, 6, 500)
    numbers, reals = draw.integers(0, 99, 500).astype(np.int32), draw.random(500)
    for start in range(0, 500, 60):
        part = slice(start, start + 60)
        aside.add(shards[part], [numbers[part], reals[part]])
    for shard in (3, 0, 1, 2, 4, 5, 3):
        found = aside.take(shard)
        assert [column.dtype for column in found] == [np.int32, np.float64]
        assert found[0].tolist() == numbers[shards == shard].tolist()
        assert found[1].tolist() == reals[shards == shard].tolist()
    assert [column.tolist() for column in aside.take(6)] == [[], []]
    assert list(tmp_path.iterdir()) == []


def test_what_comes_back_may_be_changed(tmp_path: Path) -> None:
    for most_bytes in (0, 1 << 20):
        aside = SetAside(1, tmp_path, most_bytes)
        aside.add(np.zeros(2, dtype=np.int32), [np.array([1, 2])])
        aside.take(0)[0][:] = 9
        assert aside.take(0)[0].tolist() == [1, 2]
