"""The Gram matrix of the items by hand, and in batches."""

from __future__ import annotations

import pytest
import torch

from selfrec.histories import Histories
from selfrec.pipeline import gram
from selfrec.pipeline.gram import gram_matrix

ROWS = Histories.from_rows([[0, 1], [1], []], 2, [[2.0, 1.0], [3.0], []])


def test_users_who_have_both_items() -> None:
    assert gram_matrix(ROWS).tolist() == [[1.0, 1.0], [1.0, 2.0]]


def test_products_of_weights() -> None:
    assert gram_matrix(ROWS, weighted=True).tolist() == [[4.0, 2.0], [2.0, 10.0]]


def test_a_user_at_a_time_gives_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = gram_matrix(ROWS, weighted=True)
    monkeypatch.setattr(gram, "CELLS", 1)
    assert torch.equal(gram_matrix(ROWS, weighted=True), whole)
