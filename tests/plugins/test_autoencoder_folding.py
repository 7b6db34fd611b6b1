"""ELSA and EDLAE folded into one low-rank linear autoencoder."""

from __future__ import annotations

from typing import Any

import torch

import selfrec_autoencoder
from selfrec.histories import Histories
from selfrec.host.records import Sizes
from selfrec.plugin import gram_matrix
from selfrec.testing.checkerboard import checkerboard
from selfrec_autoencoder.choice import plan_for
from selfrec_autoencoder.edlae import CLOSED_SHARE, edlae, fold_edlae
from selfrec_autoencoder.linear import LinearAutoencoder
from selfrec_autoencoder.options import AutoencoderOptions
from tests.plugins.kit import built, fitting_of, trained

ITEMS = 7
ROWS = Histories.from_rows(
    [[0, 3, 4], [1, 2], [5, 0, 1, 6], [3, 4, 0]], ITEMS, [[1.0, 2, 1], [1, 1], [0.5, 1, 3, 1], [1, 1, 1]]
)
SOFTMAX = 4
"""Columns of softmax in these tests; the others are the linear half."""


def test_the_closed_form_minimises_its_loss() -> None:
    """Off the diagonal, the slope of |X - XB|^2 + |L^1/2 B|^2 is 0 for L = l2 + p / (1 - p) diag(G)."""
    gram = gram_matrix(ROWS, weighted=True)
    weights = edlae(gram, 2.0, 0.5)
    assert not weights.diagonal().any()
    slope = (gram + torch.diag(2.0 + gram.diagonal())) @ weights - gram
    assert torch.allclose(slope, torch.diag(slope.diagonal()), atol=1e-9)


def test_two_items_by_hand() -> None:
    """G = [[2, 1], [1, 2]], p = 1/2, l2 = 1: C^-1 = [[5, 1], [1, 5]], B_01 = -C_01 / C_11 = 1 / 5."""
    weights = edlae(torch.tensor([[2.0, 1.0], [1.0, 2.0]], dtype=torch.float64), 1.0, 0.5)
    assert torch.allclose(weights, torch.tensor([[0.0, 0.2], [0.2, 0.0]], dtype=torch.float64))


def folded(width: int) -> tuple[LinearAutoencoder, torch.Tensor]:
    """A module folded on ROWS, and the float64[N, N] sum of the two models it was made from."""
    torch.manual_seed(0)
    options = AutoencoderOptions(width=SOFTMAX + width)
    module = LinearAutoencoder(options, Sizes(items=ITEMS))
    module.split.fill_(SOFTMAX)
    with torch.no_grad():
        module.log_elsa_gain.copy_(torch.linspace(-1, 1, ITEMS))
        module.log_elsa_scale.copy_(torch.linspace(0.5, -0.5, ITEMS))
    table = torch.nn.functional.normalize(module.encoder[:-1, SOFTMAX:].detach(), dim=1).double()
    gains, scales = (one.detach().exp().double() for one in (module.log_elsa_gain, module.log_elsa_scale))
    gram = gram_matrix(ROWS, weighted=True)
    elsa = (gains[:, None] * (table @ table.T) * scales).fill_diagonal_(0)
    both = torch.zeros_like(gram)
    for share, one in ((1.0, elsa), (CLOSED_SHARE, edlae(gram, options.closed_form_l2))):
        both += share * one / ((gram @ one) * one).sum().sqrt()
    fold_edlae(module, ROWS, plan_for(options, ROWS))
    return module, both


def test_at_full_rank_it_is_the_sum_of_both() -> None:
    module, both = folded(ITEMS)
    got = (module.embeddings[:-1, SOFTMAX:] @ module.factors[:, SOFTMAX:-1].T).double()
    ratio = (got * both).sum() / both.square().sum()
    assert torch.allclose(got, ratio * both, atol=1e-5 * float(got.abs().max()))


def test_a_narrow_one_is_nearer_on_the_histories_than_cutting_singular_values() -> None:
    module, both = folded(2)
    got = (module.embeddings[:-1, SOFTMAX:] @ module.factors[:, SOFTMAX:-1].T).double()
    dense = torch.zeros(len(ROWS), ITEMS, dtype=torch.float64)
    dense[torch.from_numpy(ROWS.row_numbers), torch.from_numpy(ROWS.items).long()] = torch.from_numpy(
        ROWS.weights
    ).double()
    ratio = ((dense @ got) * (dense @ both)).sum() / (dense @ got).square().sum()
    left, values, right = torch.linalg.svd(both)
    cut = left[:, :2] * values[:2] @ right[:2]
    assert (dense @ (ratio * got - both)).norm() <= (dense @ (cut - both)).norm() + 1e-6


def auto(**options: Any) -> Any:
    record = next(iter(selfrec_autoencoder.selfrec_feature_extractors()))
    return built(record, Sizes(items=20), width=8, epochs=4, learning_rate=0.05, **options)


def test_dense_rows_fold_by_themselves_and_a_catalog_too_large_does_not() -> None:
    rows = checkerboard()
    small, large = auto(), auto(closed_form_items=19)
    for part in (small, large):
        trained(part, fitting_of(part, rows, Sizes(items=20)))
    assert int(small.module.folded) == 1
    assert int(large.module.folded) == 0


def test_a_warm_start_trains_the_linear_half_anew() -> None:
    rows = checkerboard()
    first, second = auto(), auto()
    trained(first, fitting_of(first, rows, Sizes(items=20)))
    second.module.load_state_dict(first.module.state_dict())
    fitting = fitting_of(second, rows, Sizes(items=20))
    fitting.warm_started = True
    trained(second, fitting)
    assert int(second.module.folded) == 1
    assert bool(torch.isfinite(second.module.factors).all())
