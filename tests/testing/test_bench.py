"""What the bench gives a part: seeds, surroundings of its own, columns."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from selfrec.plugin import Fitting, Sizes, UserBatch
from selfrec.testing import Bench
from selfrec.testing.checks import check_same_seed_same_weights
from selfrec.testing.kit import outcome_of
from tests.testing.toy import Neighbours, Options, count, failures, record


def with_a_start_from_torch(module: Neighbours, fitting: Fitting) -> None:
    count(module, fitting)
    module.similar.add_(1e-3 * torch.rand(module.similar.shape))


def test_torch_draws_from_the_seed_whatever_was_drawn_before() -> None:
    bench = Bench(record(trainer=with_a_start_from_torch))
    torch.manual_seed(5)
    before = torch.get_rng_state()
    first = bench.fit().part.module.state_dict()["similar"]
    assert torch.equal(torch.get_rng_state(), before)
    torch.rand(7)
    assert torch.equal(first, bench.fit().part.module.state_dict()["similar"])
    assert not torch.equal(first, bench.fit(seed=1).part.module.state_dict()["similar"])
    assert outcome_of(check_same_seed_same_weights, bench).passed


def in_double_precision(module: Neighbours, fitting: Fitting) -> None:
    torch.set_default_dtype(torch.float64)
    torch.set_grad_enabled(False)
    count(module, fitting)


def test_what_a_trainer_sets_in_torch_ends_with_it() -> None:
    """The part after it would fail, and be blamed."""
    assert Bench(record(trainer=in_double_precision)).fit().part.module.state_dict()["similar"].dtype == torch.float32
    assert (torch.get_default_dtype(), torch.is_grad_enabled()) == (torch.float32, True)


class ReadsColumns(Neighbours):
    """Columns of users and items meet in a matrix, on top of a sound part."""

    def __init__(self, options: Options, sizes: Sizes) -> None:
        super().__init__(options, sizes)
        self.register_buffer("meeting", torch.zeros(sizes.user_features, sizes.item_features))
        self.register_buffer("columns", torch.zeros(sizes.items, sizes.item_features))

    meeting: Tensor
    columns: Tensor

    def generate(self, batch: UserBatch, features: Tensor) -> Tensor:
        return super().generate(batch, features) + batch.user_features @ self.meeting @ self.columns.T


def count_and_keep_columns(module: ReadsColumns, fitting: Fitting) -> None:
    count(module, fitting)
    assert fitting.item_features is not None
    module.columns.copy_(torch.from_numpy(fitting.item_features))
    module.meeting.fill_(1e-3)


@pytest.mark.parametrize("asked", [True, False])
def test_columns_of_users_and_items_are_on_the_bench(asked: bool) -> None:
    inputs: Any = frozenset({"user_features"}) if asked else frozenset()
    bench = Bench(record(ReadsColumns, trainer=count_and_keep_columns, inputs=inputs))
    if asked:
        assert failures(bench) == {}
        assert bench.fitted.recommender.extra_inputs == ["user_features"]
    else:
        reasons = failures(bench)
        assert "reads batch.user_features, which its record does not ask for" in reasons["shapes_and_dtypes"]
