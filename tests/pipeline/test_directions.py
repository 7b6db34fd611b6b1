"""Item vectors in closed form."""

from __future__ import annotations

import math

import pytest
import torch

from selfrec.histories import Histories
from selfrec.pipeline.directions import item_directions, orthonormal
from selfrec.testing import checkerboard


def test_two_directions_span_the_two_colours() -> None:
    vectors = item_directions(checkerboard(items=20), 4, seed=0)
    even = torch.tensor([1.0, 0.0] * 10) / math.sqrt(10)
    torch.testing.assert_close(vectors @ vectors.T @ even, even, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(vectors.T @ vectors, torch.diag(torch.tensor([1.0, 1.0, 0.0, 0.0])), atol=1e-4, rtol=0)


def test_same_as_a_dense_decomposition() -> None:
    rows = [[0, 1, 2], [0, 3], [1, 4, 5, 0], [2], [3, 5]]
    histories = Histories.from_rows(rows, 6)
    dense = torch.zeros(5, 6)
    for user, row in enumerate(rows):
        for item in row:
            dense[user, item] = len(row) ** -0.25 * sum(item in other for other in rows) ** -0.5
    expected = torch.linalg.svd(dense).Vh[:3].T
    got = item_directions(histories, 3, seed=1)
    torch.testing.assert_close((got * expected).sum(0).abs(), torch.ones(3), rtol=1e-4, atol=1e-4)
    assert (got.gather(0, got.abs().argmax(0, keepdim=True)) > 0).all()


def test_same_seed_same_bytes_and_nothing_from_nothing() -> None:
    assert torch.equal(item_directions(checkerboard(), 3, seed=0), item_directions(checkerboard(), 3, seed=0))
    assert torch.equal(item_directions(Histories.from_rows([[]], 4), 2, seed=0), torch.zeros(4, 2))


@pytest.mark.parametrize("condition", [1.0, 1e6], ids=["well conditioned", "nearly of lower rank"])
def test_columns_at_right_angles_that_span_the_same(condition: float) -> None:
    torch.manual_seed(0)
    basis = torch.randn(30, 3)
    basis[:, 2] = basis[:, 0] + basis[:, 2] / condition
    columns = orthonormal(basis)
    torch.testing.assert_close(columns.T @ columns, torch.eye(3), rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(columns @ (columns.T @ basis), basis, rtol=1e-4, atol=1e-5)
