"""Every loss of the autoencoder against its formula written out with dense arrays and loops."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from selfrec.histories import Histories
from selfrec.host.records import Sizes
from selfrec.plugin import UserBatch
from selfrec_autoencoder.choice import Plan, plan_for
from selfrec_autoencoder.deep import DeepAutoencoder
from selfrec_autoencoder.deep_losses import deep_loss
from selfrec_autoencoder.elsa import elsa_loss
from selfrec_autoencoder.linear import LinearAutoencoder
from selfrec_autoencoder.options import AutoencoderOptions
from selfrec_autoencoder.softmax import SoftmaxLoss
from selfrec_autoencoder.sparse import FlatBatch

CPU = torch.device("cpu")
ROWS = [[0, 3, 4], [1, 2], [5, 0, 1, 6]]
WEIGHTS = [[1.0, 2.0, 1.0], [1.0, 1.0], [0.5, 1.0, 3.0, 1.0]]
ITEMS = 9


def histories() -> Histories:
    return Histories.from_rows(ROWS, ITEMS, WEIGHTS)


def plan(**options: Any) -> Plan:
    return plan_for(AutoencoderOptions(width=4, dropout=0.0, **options), histories())


def linear(chosen: Plan) -> LinearAutoencoder:
    torch.manual_seed(0)
    module = LinearAutoencoder(chosen.options, Sizes(items=ITEMS))
    with torch.no_grad():
        module.bias.normal_()
        module.log_gain.normal_()
    return module


def rng() -> np.random.Generator:
    return np.random.default_rng(0)


class TestFlatBatch:
    @pytest.mark.parametrize("whole", [True, False])
    def test_products_and_gradients_are_those_of_dense_arrays(self, whole: bool) -> None:
        batch = FlatBatch.of(histories(), CPU, whole=whole)
        columns = len(batch.items)
        values = torch.randn(len(batch.rows), dtype=torch.float64, requires_grad=True)
        table = torch.randn(columns, 3, dtype=torch.float64, requires_grad=True)
        left = torch.randn(3, 3, dtype=torch.float64, requires_grad=True)
        assert torch.autograd.gradcheck(lambda v, t: batch.pooled(v, t), (values, table))
        assert torch.autograd.gradcheck(lambda z, t: batch.dots(z, t), (left, table))
        dense = torch.zeros(3, columns, dtype=torch.float64).index_put((batch.rows, batch.columns), values)
        torch.testing.assert_close(batch.pooled(values, table), dense @ table)
        torch.testing.assert_close(batch.dots(left, table), (left @ table.T)[batch.rows, batch.columns])

    @settings(max_examples=30, deadline=None)
    @given(st.lists(st.sets(st.integers(0, 11), max_size=8), min_size=1, max_size=6))
    def test_any_histories(self, sets: list[set[int]]) -> None:
        batch = FlatBatch.of(Histories.from_rows([sorted(row) for row in sets], 12), CPU)
        table = torch.randn(len(batch.items), 2)
        expected = torch.stack([table[torch.isin(batch.items, torch.tensor(sorted(row)))].sum(0) for row in sets])
        torch.testing.assert_close(batch.pooled(torch.ones(len(batch.rows)), table), expected)


class TestSoftmax:
    def test_is_the_printed_formula(self) -> None:
        chosen = plan(objective="softmax")
        module = linear(chosen)
        loss = SoftmaxLoss(histories(), chosen, CPU)
        got = loss(module, FlatBatch.of(histories(), CPU, whole=loss.whole), rng())
        assert float(got) == pytest.approx(written_out(module), rel=1e-5)

    def test_a_sample_of_everything_is_the_whole(self) -> None:
        chosen = plan(objective="softmax", full_softmax=0, negatives=100)
        module = linear(chosen)
        loss = SoftmaxLoss(histories(), chosen, CPU)
        got = loss(module, FlatBatch.of(histories(), CPU, whole=loss.whole), rng())
        assert not loss.whole
        assert float(got) == pytest.approx(written_out(module), rel=1e-5)

    def test_gradients_reach_every_parameter_and_are_right(self) -> None:
        chosen = plan(objective="softmax")
        module = linear(chosen).double()
        loss = SoftmaxLoss(histories(), chosen, CPU)
        batch = FlatBatch.of(histories(), CPU, whole=True)
        batch = FlatBatch(**{**batch.__dict__, "weights": batch.weights.double(), "lengths": batch.lengths.double()})
        loss(module, batch, rng()).backward()
        for parameter in (module.encoder, module.decoder, module.bias, module.log_gain):
            flat, gradient = parameter.data.view(-1), parameter.grad
            assert gradient is not None
            for place in range(0, len(flat), 3):
                kept, step = float(flat[place]), 1e-6
                flat[place] = kept + step
                up = float(loss(module, batch, rng()))
                flat[place] = kept - step
                down = float(loss(module, batch, rng()))
                flat[place] = kept
                assert float(gradient.view(-1)[place]) == pytest.approx((up - down) / 2 / step, abs=1e-6)

    def test_an_only_item_is_scored_by_its_bias(self) -> None:
        chosen = plan(objective="softmax")
        module, rows = linear(chosen), Histories.from_rows([[4]], ITEMS)
        loss = SoftmaxLoss(rows, chosen, CPU)(module, FlatBatch.of(rows, CPU, whole=True), rng())
        module.eval()
        with torch.no_grad():
            batch = UserBatch.of(rows)
            logits = (module.query(batch, module.extract(batch)) @ module.item_factors().T)[0]
            logits[4] = module.bias[4]
        assert float(loss) == pytest.approx(float(torch.logsumexp(logits, 0) - logits[4]), rel=1e-5)


def written_out(module: LinearAutoencoder) -> float:
    """The loss of softmax.py's docstring with a loop over users and items."""
    encoder, bias = module.encoder.detach().double(), module.bias.detach().double()
    decoder = module.decoder.detach().double()
    factors = decoder / decoder.norm(dim=1, keepdim=True) / module.log_temperature.detach().double().exp()
    gain = module.log_gain.detach().double().exp()
    total = count = 0.0
    for items, weights in zip(ROWS, WEIGHTS, strict=True):
        parts = {t: w * gain[t] * encoder[t] for t, w in zip(items, weights, strict=True)}
        whole = torch.stack(list(parts.values())).sum(0)
        logits = factors @ whole / whole.norm() + bias
        others = sum(math.exp(float(logits[j])) for j in range(ITEMS) if j not in items)
        for t in items:
            rest = whole - parts[t]
            own = float(factors[t] @ rest / rest.norm() + bias[t])
            total += len(items) ** -0.5 * (math.log(math.exp(own) + others) - own)
        count += len(items) ** 0.5
    return total / count


def dense_rows() -> torch.Tensor:
    x = torch.zeros(len(ROWS), ITEMS)
    for row, (items, weights) in enumerate(zip(ROWS, WEIGHTS, strict=True)):
        x[row, items] = torch.tensor(weights)
    return x


@pytest.mark.parametrize("whole", [True, False])
@pytest.mark.parametrize("spread", [0.0, 0.7])
def test_elsa_is_the_printed_formula(whole: bool, spread: float) -> None:
    chosen = plan(objective="elsa")
    module = linear(chosen)
    with torch.no_grad():
        for gains in (module.log_elsa_gain, module.log_elsa_scale):
            gains.copy_(torch.from_numpy(rng().normal(scale=spread, size=ITEMS)))
    got = elsa_loss(module, FlatBatch.of(histories(), CPU, whole=whole), rng(), chosen)
    x = dense_rows()
    a = torch.nn.functional.normalize(module.encoder[:-1].detach(), dim=1)
    weights = module.log_elsa_gain.exp()[:, None] * (a @ a.T) * module.log_elsa_scale.exp()
    guess = x @ weights.detach().fill_diagonal_(0)
    difference = torch.nn.functional.normalize(guess, dim=1) - torch.nn.functional.normalize(x, dim=1)
    assert float(got.detach()) == pytest.approx(float(difference.square().sum(1).mean()), rel=1e-5)


class TestDeep:
    def test_squared_error_is_the_textbook(self) -> None:
        chosen = plan(objective="squared_error")
        module = DeepAutoencoder(chosen.options, Sizes(items=ITEMS))
        got = deep_loss(module, UserBatch.of(histories()), chosen, rng())
        x = dense_rows()
        x = x / x.amax(1, keepdim=True)
        z = torch.sigmoid(x @ module.embeddings[:-1] + module.embedding_bias)
        guess = torch.sigmoid(z @ module.factors.T + module.bias)
        assert float(got.detach()) == pytest.approx(float((x - guess).square().mean()), rel=1e-5)

    @pytest.mark.parametrize("tied", [True, False])
    @pytest.mark.parametrize("options", [{}, {"full_softmax": 0, "negatives": 100}])
    def test_multinomial_is_the_printed_formula(self, tied: bool, options: dict[str, int]) -> None:
        chosen = plan(objective="multinomial", tied=tied, depth=2, hidden=5, **options)
        module = DeepAutoencoder(chosen.options, Sizes(items=ITEMS))
        got = deep_loss(module, UserBatch.of(histories()), chosen, rng())
        x = dense_rows()
        z = torch.tanh(torch.nn.functional.normalize(x, dim=1) @ module.embeddings[:-1] + module.embedding_bias)
        z = torch.tanh(module.decoder[0](torch.tanh(module.encoder[0](z))))
        rows = module.embeddings[:-1] if tied else module.factors
        logs = torch.log_softmax(z @ rows.T + module.bias, dim=1)
        assert float(got.detach()) == pytest.approx(float(-(x * logs).sum(1).mean()), rel=1e-5)

    def test_dropout_hides_slots_and_keeps_the_sum_on_average(self) -> None:
        chosen = plan_for(AutoencoderOptions(objective="multinomial", width=4, dropout=0.5), histories())
        module = DeepAutoencoder(chosen.options, Sizes(items=ITEMS))
        losses = {
            float(deep_loss(module, UserBatch.of(histories()), chosen, np.random.default_rng(s))) for s in range(5)
        }
        assert len(losses) > 1
