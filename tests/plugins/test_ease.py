"""EASE: the closed form by hand, the ridge chosen on validation rows, the limit of the catalog."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from selfrec.errors import PluginError
from selfrec.histories import Holdout
from selfrec.plugin import Histories, Sizes, gram_matrix
from selfrec.testing import checkerboard, checkerboard_holdout
from selfrec_ease import selfrec_generators
from selfrec_ease.training import RIDGES, item_weights
from tests.plugins.kit import batch_of, built, fitting_of, inside, none, trained

(RECORD,) = selfrec_generators()


def test_two_items_by_hand() -> None:
    """X^T X = [[3, 1], [1, 2]] and lambda 1: P = [[3, -1], [-1, 4]] / 11, so B_01 = 1 / 4 and B_10 = 1 / 3."""
    rows = Histories.from_rows([[0, 1], [0], [0], [1]], 2)
    gram = gram_matrix(rows)
    assert gram.tolist() == [[3, 1], [1, 2]]
    weights, loss = item_weights(gram, 1.0)
    torch.testing.assert_close(weights, torch.tensor([[0, 1 / 4], [1 / 3, 0]]))
    x = np.array([[1, 1], [1, 0], [1, 0], [0, 1]])
    residual = np.square(x - x @ weights.numpy()).sum() / x.sum()
    assert loss == pytest.approx(residual)


def test_scores_are_the_weighted_row_times_the_weights() -> None:
    part = built(RECORD, Sizes(items=2), ridge=1.0)
    trained(part, fitting_of(part, Histories.from_rows([[0, 1], [0], [0], [1]], 2), Sizes(items=2)))
    batch = batch_of([[0], [1, 0], []], 2, [[2.0], [1.0, 3.0], []])
    scores = part.generate(batch, none(batch), 2)
    torch.testing.assert_close(scores, torch.tensor([[0, 2 / 4], [1 / 3, 3 / 4], [0, 0]]))


def test_users_in_batches_give_the_same_gram_matrix(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = checkerboard(users=9, items=6, share=0.7)
    dense = np.zeros((9, 6))
    dense[rows.row_numbers, rows.items] = 1
    np.testing.assert_array_equal(gram_matrix(rows).numpy(), dense.T @ dense)


@pytest.mark.parametrize(("options", "ridges"), [({}, RIDGES), ({"ridge": 7.0}, (7.0,))])
def test_each_ridge_is_an_epoch_and_a_refit_takes_the_best(options: dict[str, Any], ridges: tuple[float]) -> None:
    holdout = checkerboard_holdout(users=60, hidden=2)
    part = built(RECORD, Sizes(items=20), **options)
    fitting = trained(part, fitting_of(part, holdout.inputs, Sizes(items=20), validation=holdout))
    assert tuple(curve["ridge"] for curve in fitting.curves) == ridges
    assert max(curve["ndcg@20"] for curve in fitting.curves) == 1.0
    again = built(RECORD, Sizes(items=20), **options)
    refit = fitting_of(again, holdout.inputs, Sizes(items=20))
    refit.fixed_epochs = fitting.best_epoch
    trained(again, refit)
    assert torch.equal(inside(again).weights, inside(part).weights)


def test_without_validation_rows_the_likeliest_ridge_is_taken() -> None:
    part = built(RECORD, Sizes(items=20))
    fitting = trained(part, fitting_of(part, checkerboard(), Sizes(items=20), validation=None))
    assert [curve["ridge"] for curve in fitting.curves] == [RIDGES[0]]


def test_an_empty_row_and_an_item_of_nobody_are_survived() -> None:
    rows = Histories.from_rows([[0, 1], [], [1]], 4)
    part = built(RECORD, Sizes(items=4))
    trained(part, fitting_of(part, rows, Sizes(items=4), validation=Holdout(rows, rows)))
    assert bool(torch.isfinite(inside(part).weights).all())


def test_a_large_catalog_is_refused_before_memory_is_taken() -> None:
    with pytest.raises(PluginError) as raised:
        built(RECORD, Sizes(items=9_000))
    assert str(raised.value) == (
        "generator 'ease': a catalog of 9,000 items needs 81,000,000 weights, max_items is 8,000; leave ease out of "
        "pipeline.generators or raise it"
    )


def test_a_ridge_that_leaves_nothing_to_solve_is_named() -> None:
    twins = gram_matrix(Histories.from_rows([[0, 1], [0, 1], [0, 1]], 2))
    with pytest.raises(PluginError, match="ridge=1e-300 is too small for these rows"):
        item_weights(twins, 1e-300)
