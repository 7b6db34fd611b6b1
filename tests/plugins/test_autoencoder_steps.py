"""What makes an autoencoder's step quick, against what it stands in for: autograd and Adam over whole tables."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from selfrec.histories import Histories
from selfrec_autoencoder.contrast import Workspace, contrast, normalised, row_dots
from selfrec_autoencoder.sparse import FlatBatch
from selfrec_autoencoder.touched import TouchedAdam

CPU = torch.device("cpu")
BETAS = (0.9, 0.99)


def drawn(*shape: int) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64, requires_grad=True)


def places_of(batch: FlatBatch, candidates: int) -> Tensor:
    """The batch's slots in a flat matrix [B, candidates] whose first columns are the batch's items."""
    return batch.rows * candidates + batch.columns


class TestContrast:
    BATCH = FlatBatch.of(Histories.from_rows([[0, 3, 4], [1, 2], [5, 0, 1, 6]], 9), CPU)

    def both(self) -> tuple[list[Tensor], tuple[Tensor, Tensor]]:
        """Arguments, and the result of `contrast` and of the same formula with dense arrays."""
        torch.manual_seed(0)
        arguments = [drawn(3, 4), drawn(9, 4), drawn(9)]
        query, factors, bias = arguments
        logits = query @ factors.T + bias
        written = logits.index_put((self.BATCH.rows, self.BATCH.columns), logits.new_tensor(-torch.inf)).logsumexp(1)
        return arguments, (contrast(query, factors, bias, places_of(self.BATCH, 9), Workspace()), written)

    def test_is_the_formula(self) -> None:
        _, (got, expected) = self.both()
        torch.testing.assert_close(got, expected)

    def test_gradients_are_those_of_autograd(self) -> None:
        arguments, results = self.both()
        weights = torch.linspace(-1, 2, 3, dtype=torch.float64)
        got, expected = (torch.autograd.grad((weights * result).sum(), arguments) for result in results)
        for one, other in zip(got, expected, strict=True):
            torch.testing.assert_close(one, other)

    def test_a_history_that_holds_every_candidate_has_no_others(self) -> None:
        batch = FlatBatch.of(Histories.from_rows([[0, 1]], 2), CPU)
        query, factors, bias = drawn(1, 3), drawn(2, 3), drawn(2)
        others = contrast(query, factors, bias, places_of(batch, 2), Workspace())
        assert others.tolist() == [-torch.inf]
        functional.softplus(others).sum().backward()
        for argument in (query, factors, bias):
            assert argument.grad is not None
            assert not argument.grad.any()

    def test_a_workspace_serves_larger_and_smaller_steps(self) -> None:
        space, like = Workspace(), torch.zeros(0)
        first = space.matrix(3, 4, like)
        assert space.matrix(2, 5, like).data_ptr() == first.data_ptr()
        assert space.matrix(30, 5, like).shape == (30, 5)
        assert space.matrix(3, 4, like.double()).dtype == torch.float64


def test_rows_of_length_one_and_their_gradient() -> None:
    table = drawn(5, 3)
    torch.testing.assert_close(normalised(table), functional.normalize(table, dim=1))
    assert torch.autograd.gradcheck(normalised, (table,))


def test_dots_of_rows_are_those_of_autograd() -> None:
    left, right = drawn(5, 3), drawn(5, 3)
    for found, wanted in zip(row_dots(left, right), ((left * right).sum(1), (left * left).sum(1)), strict=True):
        torch.testing.assert_close(found, wanted)
    assert torch.autograd.gradcheck(row_dots, (left, right))


class TestTouchedAdam:
    def test_moves_as_adam_moves_whole_tables(self) -> None:
        """Forty steps that touch two of six rows each, at a rate that changes; row 5 is never touched."""
        rng = np.random.default_rng(0)
        torch.manual_seed(0)
        start = torch.randn(6, 3, dtype=torch.float64)
        whole, few = nn.Parameter(start.clone()), nn.Parameter(start.clone())
        adam = torch.optim.AdamW([whole], betas=BETAS, weight_decay=0.0)
        touched = TouchedAdam({"table": few}, BETAS)
        for step in range(40):
            numbers = torch.from_numpy(rng.permutation(5)[:2])
            aims = torch.randn(2, 3, dtype=torch.float64)
            adam.param_groups[0]["lr"] = rate = 0.01 * (1 + step % 7)
            adam.zero_grad()
            (whole[numbers] - aims).pow(3).sum().backward()
            adam.step()
            rows = touched.take("table", numbers)
            (rows - aims).pow(3).sum().backward()
            touched.step(rate)
        touched.settle()
        torch.testing.assert_close(few.data, whole.data, rtol=1e-6, atol=1e-8)
        assert torch.equal(few[5], start[5])

    def test_goes_on_from_its_state(self) -> None:
        def run(touched: TouchedAdam, steps: range) -> None:
            for step in steps:
                rows = touched.take("table", torch.tensor([step % 4]))
                (rows * (1.0 + step)).sum().backward()
                touched.step(0.1)
            touched.settle()

        one, other = nn.Parameter(torch.ones(4, 2)), nn.Parameter(torch.ones(4, 2))
        through = TouchedAdam({"table": one}, BETAS)
        run(through, range(5))
        run(through, range(5, 9))
        before = TouchedAdam({"table": other}, BETAS)
        run(before, range(5))
        after = TouchedAdam({"table": other}, BETAS)
        after.load_state_dict(before.state_dict())
        run(after, range(5, 9))
        assert torch.equal(one, other)

    def test_a_table_gives_out_rows_once_a_step(self) -> None:
        touched = TouchedAdam({"table": nn.Parameter(torch.ones(3, 2))}, BETAS)
        touched.take("table", torch.tensor([0]))
        with pytest.raises(ValueError, match="taken already"):
            touched.take("table", torch.tensor([1]))
        touched.step(0.1)
        touched.take("table", torch.tensor([1]))

    def test_rows_that_got_no_gradient_stay(self) -> None:
        table = nn.Parameter(torch.ones(3, 2))
        touched = TouchedAdam({"table": table}, BETAS)
        touched.take("table", torch.tensor([0, 2]))
        touched.step(0.1)
        touched.settle()
        assert torch.equal(table, torch.ones(3, 2))
