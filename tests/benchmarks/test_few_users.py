"""EASE and EDLAE of fewer users than items."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse

from benchmarks.offline.baselines import BASELINES
from benchmarks.offline.few_users import linear, ridge
from benchmarks.offline.item_item import ease, edlae
from selfrec.histories import Histories

ROWS = np.array([[1, 1, 0, 0, 1], [0, 1, 1, 0, 0], [1, 0, 0, 1, 0]], dtype=np.float32)
X = sparse.csr_matrix(ROWS)
ASKED = sparse.csr_matrix(np.array([[1, 0, 0, 0, 0], [0, 1, 0, 1, 1], [0, 0, 0, 0, 0]], dtype=np.float32))


def test_ridge_by_hand() -> None:
    assert ridge(X, 3.0).tolist() == [3, 3, 3, 3, 3]
    assert ridge(X, 3.0, 0.5).tolist() == [5, 5, 4, 4, 4]


@pytest.mark.parametrize("regularization", [0.5, 30.0])
def test_the_scores_are_those_of_the_item_pairs(regularization: float) -> None:
    few = linear(X, ridge(X, regularization))(ASKED)
    assert few == pytest.approx(ASKED @ ease(X, regularization), abs=1e-6)
    few = linear(X, ridge(X, regularization, 0.2))(ASKED)
    assert few == pytest.approx(ASKED @ edlae(X, regularization, 0.2), abs=1e-6)


@pytest.mark.parametrize("name", ["ease", "edlae"])
def test_a_baseline_of_few_users_takes_this_way(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(f"benchmarks.offline.baselines.{name}")
    histories = Histories.from_rows([[0, 1, 4], [1, 2], [0, 3]], 5)
    options = {"regularization": 2.0, "dropout": 0.5}
    [fit] = [model.fit for model in BASELINES if model.name == name]
    added = ridge(X, 2.0, 0.5 if name == "edlae" else 0.0)
    assert fit(histories, options, 0)(histories) == pytest.approx(linear(X, added)(X))
