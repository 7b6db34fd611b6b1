"""The largest scores in blocks are those of a sort."""

from __future__ import annotations

import pytest
import torch

from selfrec.pipeline.top_items import BLOCK, BLOCKS_AN_ITEM, largest, row_chunks


@pytest.mark.parametrize("items", [5, BLOCK * BLOCKS_AN_ITEM * 3 + 7, 1000])
def test_same_as_topk(items: int) -> None:
    torch.manual_seed(0)
    scores = torch.randperm(4 * items).float().view(4, items)
    scores[1, : items - 2] = -torch.inf
    values, numbers = largest(scores, 3)
    expected = scores.topk(3, dim=1)
    assert torch.equal(values, expected.values)
    assert torch.equal(numbers[[0, 2, 3]], expected.indices[[0, 2, 3]])
    assert numbers[1, :2].tolist() == expected.indices[1, :2].tolist()
    assert torch.equal(scores.gather(1, numbers), values)


def test_among_equal_scores_every_item_stands_once() -> None:
    _, numbers = largest(torch.zeros(2, 1000), 3)
    assert all(len(set(row)) == 3 for row in numbers.tolist())


def test_chunks_cover_all_rows() -> None:
    scores = torch.zeros(5, 1 << 17)
    assert [(part.start, part.stop) for part in row_chunks(scores)] == [(0, 2), (2, 4), (4, 6)]
    assert list(row_chunks(torch.zeros(0, 3))) == []
