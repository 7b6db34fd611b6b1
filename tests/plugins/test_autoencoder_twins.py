"""Softmax twice side by side, each with half of the columns: plan, scores, loss, start."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from selfrec.histories import Histories
from selfrec.host.records import Sizes
from selfrec.plugin import UserBatch
from selfrec.testing.checkerboard import checkerboard
from selfrec_autoencoder.choice import Plan, plan_for
from selfrec_autoencoder.linear import LinearAutoencoder
from selfrec_autoencoder.options import AutoencoderOptions
from selfrec_autoencoder.softmax import SoftmaxLoss, start_softmax
from selfrec_autoencoder.sparse import FlatBatch

CPU = torch.device("cpu")
ITEMS = 9
ROWS = Histories.from_rows([[0, 3, 4], [1, 2], [5, 0, 1, 6]], ITEMS)


def sparse(users: int) -> Histories:
    return Histories.from_rows([[u % 400, (u + 1) % 400] for u in range(users)], 400)


def plan(width: int, **options: Any) -> Plan:
    return plan_for(AutoencoderOptions(width=width, objective="softmax", dropout=0.0, **options), ROWS)


def module(width: int, twins: int) -> LinearAutoencoder:
    torch.manual_seed(0)
    made = LinearAutoencoder(plan(width).options, Sizes(items=ITEMS))
    made.twins.fill_(twins)
    with torch.no_grad():
        made.bias.normal_()
        made.log_gain.normal_()
    return made


def half(both: LinearAutoencoder, columns: slice) -> LinearAutoencoder:
    """One of the twins alone."""
    alone = module(columns.stop - columns.start, 1)
    with torch.no_grad():
        alone.encoder.copy_(both.encoder[:, columns])
        alone.decoder.copy_(both.decoder[:, columns])
        alone.bias.copy_(both.bias)
        alone.log_gain.copy_(both.log_gain)
    return alone


def scores(of: LinearAutoencoder) -> torch.Tensor:
    of.eval()
    batch = UserBatch.of(ROWS)
    with torch.no_grad():
        return of.query(batch, of.extract(batch)) @ of.item_factors().T


def loss(of: LinearAutoencoder, chosen: Plan) -> torch.Tensor:
    softmax = SoftmaxLoss(ROWS, chosen, CPU)
    return softmax(of, FlatBatch.of(ROWS, CPU, whole=True), np.random.default_rng(0))


@pytest.mark.parametrize(
    ("users", "width", "objective", "twins"),
    [
        (5_000, 128, "auto", 2),
        (5_001, 128, "auto", 1),
        (5_000, 127, "auto", 1),
        (300, 512, "softmax", 2),
        (300, 512, "elsa", 1),
    ],
)
def test_wide_tables_of_few_users_are_twins(users: int, width: int, objective: Any, twins: int) -> None:
    assert plan_for(AutoencoderOptions(width=width, objective=objective), sparse(users)).twins == twins


def test_dense_rows_have_elsa_beside_softmax_instead() -> None:
    assert plan_for(AutoencoderOptions(width=512), checkerboard()).twins == 1


@pytest.mark.parametrize("width", [8, 7])
def test_scores_are_the_mean_of_both(width: int) -> None:
    both = module(width, 2)
    first, second = (half(both, columns) for columns in both.softmax_columns)
    torch.testing.assert_close(scores(both), (scores(first) + scores(second)) / 2)
    assert not torch.allclose(scores(first), scores(second), atol=0.1)


def test_the_loss_is_the_mean_of_both() -> None:
    both, chosen = module(8, 2), plan(8)
    alone = [float(loss(half(both, columns), plan(4)).detach()) for columns in both.softmax_columns]
    assert float(loss(both, chosen).detach()) == pytest.approx(sum(alone) / 2, rel=1e-6)


def test_the_backward_pass_of_one_does_not_read_what_the_other_wrote() -> None:
    both, chosen = module(8, 2), plan(8)
    loss(both, chosen).backward()
    for columns in both.softmax_columns:
        alone = half(both, columns)
        loss(alone, plan(4)).backward()
        for name in ("encoder", "decoder"):
            gradient, wanted = getattr(both, name).grad[:, columns], getattr(alone, name).grad
            torch.testing.assert_close(gradient, wanted / 2)


def test_they_do_not_start_alike() -> None:
    both = module(4, 2)
    start_softmax(both, ROWS, plan(4), seed=0)
    first, second = (both.decoder[:, columns] for columns in both.softmax_columns)
    for twin in (first, second):
        assert float(twin.norm(dim=1).mean()) == pytest.approx(1.0, abs=1e-5)
    assert not torch.allclose(first, second, atol=0.1)
