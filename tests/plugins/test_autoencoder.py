"""The autoencoder: plans, tables of scoring, training on a table with a known right answer, the graph."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import selfrec_autoencoder
from selfrec.histories import Histories
from selfrec.host.records import FeatureExtractor, Sizes
from selfrec.pipeline.measure import measure, rank_all
from selfrec.pipeline.parts import Part
from selfrec.plugin import UserBatch
from selfrec.testing.checkerboard import checkerboard, checkerboard_holdout
from selfrec_autoencoder.choice import plan_for
from selfrec_autoencoder.linear import LinearAutoencoder
from selfrec_autoencoder.options import AutoencoderOptions
from tests.plugins.kit import assert_same_in_onnx, batch_of, built, fitting_of, inside, random_batch, trained

OBJECTIVES = ("auto", "softmax", "elsa", "multinomial", "squared_error")
ITEMS = 20
SMALL: dict[str, dict[str, Any]] = {
    "auto": {"width": 128, "epochs": 8, "learning_rate": 0.05},
    "softmax": {"width": 8, "epochs": 8, "learning_rate": 0.05},
    "elsa": {"width": 8, "epochs": 8, "learning_rate": 0.05},
    "multinomial": {"width": 8, "epochs": 30, "learning_rate": 0.05},
    "squared_error": {"width": 8, "epochs": 60, "learning_rate": 0.05},
}


def record() -> FeatureExtractor:
    return next(iter(selfrec_autoencoder.selfrec_feature_extractors()))


def part(objective: str, **options: Any) -> Part:
    chosen = {**SMALL[objective], "objective": objective, **options}
    return built(record(), Sizes(items=ITEMS), **chosen)


def scores(module: Any, batch: UserBatch) -> Tensor:
    with torch.no_grad():
        result: Tensor = module.query(batch, module.extract(batch)) @ module.item_factors().T
    return result


def test_one_module_with_two_faces() -> None:
    generator = next(iter(selfrec_autoencoder.selfrec_generators()))
    assert generator.name == record().name == "autoencoder"
    assert generator.build is record().build
    assert generator.options is record().options


class TestPlan:
    def test_dense_rows_give_half_the_columns_to_elsa(self) -> None:
        assert plan_for(AutoencoderOptions(width=128), checkerboard()).split == 64

    def test_and_few_columns_whole(self) -> None:
        assert plan_for(AutoencoderOptions(width=127), checkerboard()).split == 0

    @pytest.mark.parametrize(
        ("width", "objective", "columns"),
        [(80, "auto", 19), (10, "auto", 10), (200, "auto", 19), (80, "elsa", 80), (80, "softmax", 0)],
    )
    def test_few_users_narrow_elsa(self, width: int, objective: Any, columns: int) -> None:
        """3 sqrt(40) = 18.97 columns for 40 users, at most those there are; all of them when it is asked for alone."""
        assert plan_for(AutoencoderOptions(width=width, objective=objective), checkerboard()).elsa_columns == columns

    def test_sparse_rows_give_all_columns_to_softmax(self) -> None:
        sparse = Histories.from_rows([[u, u + 1] for u in range(300)], 400)
        assert plan_for(AutoencoderOptions(width=8), sparse).split == 8

    @pytest.mark.parametrize(("objective", "split"), [("softmax", 8), ("elsa", 0)])
    def test_a_named_objective_is_obeyed(self, objective: Any, split: int) -> None:
        assert plan_for(AutoencoderOptions(width=8, objective=objective), checkerboard()).split == split

    def test_given_options_are_kept(self) -> None:
        options = AutoencoderOptions(batch_size=7, learning_rate=0.5, dropout=0.25, temperature=0.3)
        plan = plan_for(options, checkerboard())
        assert (plan.batch_size, plan.learning_rate, plan.temperature) == (7, 0.5, 0.3)
        assert plan.dropout == plan.elsa_dropout == 0.25

    @pytest.mark.parametrize("objective", ["auto", "softmax"])
    def test_sparse_softmax_keeps_its_temperature_and_hurries_its_bias(self, objective: Any) -> None:
        sparse = Histories.from_rows([[u, u + 1] for u in range(300)], 400)
        plan = plan_for(AutoencoderOptions(objective=objective), sparse)
        assert (plan.learning_rate, plan.bias_rate, plan.temperature_rate) == (0.01, 3, 0)

    @pytest.mark.parametrize(
        ("users", "width", "rate"), [(512, 64, 0.02), (512, 512, 0.01), (64, 512, 0.01), (216, 8, 0.03)]
    )
    def test_steps_are_longer_where_many_users_tell_few_columns(self, users: int, width: int, rate: float) -> None:
        sparse = Histories.from_rows([[u, u + 1] for u in range(300)], 400)
        plan = plan_for(AutoencoderOptions(batch_size=users, width=width), sparse)
        assert plan.learning_rate == pytest.approx(rate)

    @pytest.mark.parametrize("objective", ["elsa", "multinomial"])
    def test_the_others_train_all_parameters_alike(self, objective: Any) -> None:
        sparse = Histories.from_rows([[u, u + 1] for u in range(300)], 400)
        plan = plan_for(AutoencoderOptions(objective=objective), sparse)
        assert (plan.learning_rate, plan.bias_rate, plan.temperature_rate) == (0.003, 1, 1)

    def test_steps_count_the_last_short_batch(self) -> None:
        assert plan_for(AutoencoderOptions(batch_size=16), checkerboard(users=40)).steps(40) == 3


def test_the_temperature_is_trained_on_dense_rows_only() -> None:
    sparse = Histories.from_rows([[u, (u + 1) % 200] for u in range(200)], 200)
    for rows, moves in ((checkerboard(), True), (sparse, False)):
        sizes = Sizes(items=rows.n_items)
        one = built(record(), sizes, objective="softmax", width=8, epochs=2, temperature=0.2)
        trained(one, fitting_of(one, rows, sizes))
        assert (abs(float(inside(one).log_temperature.detach().exp()) - 0.2) > 1e-4) is moves


def test_a_warm_start_on_sparse_rows_takes_the_temperature_of_this_fit() -> None:
    rows = Histories.from_rows([[u, (u + 1) % 200] for u in range(200)], 200)
    sizes = Sizes(items=200)
    one = built(record(), sizes, objective="softmax", width=8, epochs=1, temperature=0.2)
    with torch.no_grad():
        inside(one).log_temperature.fill_(-3.0)
    fitting = fitting_of(one, rows, sizes)
    fitting.warm_started = True
    trained(one, fitting)
    assert float(inside(one).log_temperature.detach().exp()) == pytest.approx(0.2)


@pytest.mark.parametrize(("objective", "continues"), [("softmax", True), ("elsa", False)])
def test_a_refit_goes_on_from_the_chosen_weights_where_softmax_is_alone(objective: str, continues: bool) -> None:
    chosen, again = part(objective), part(objective, learning_rate=1e-9)
    rows, sizes = checkerboard(items=ITEMS), Sizes(items=ITEMS)
    trained(chosen, fitting_of(chosen, rows, sizes))
    fitting = fitting_of(again, rows, sizes)
    fitting.chosen_state = chosen.module.state_dict()
    trained(again, fitting)
    assert len(fitting.curves) == (2 if continues else SMALL[objective]["epochs"])
    kept = torch.allclose(inside(again).encoder, inside(chosen).encoder, atol=1e-6)
    assert kept is continues


def test_a_large_catalog_is_learned_by_its_touched_rows() -> None:
    """The same bytes from the same seed, rows that no step touched as they started, and the hidden items found."""
    holdout = checkerboard_holdout(users=60, items=ITEMS, hidden=2)
    found = []
    for _ in range(2):
        made = part("softmax", full_softmax=0, negatives=2)
        trained(made, fitting_of(made, holdout.inputs, Sizes(items=ITEMS)))
        found.append(made.module.state_dict())
    assert all(torch.equal(found[0][name], tensor) for name, tensor in found[1].items())
    ranked = rank_all(lambda batch: scores(made.module, batch), holdout, torch.device("cpu"), k=2)
    assert measure(np.pad(ranked, ((0, 0), (0, 18)), constant_values=ITEMS), holdout.targets).metrics["recall@20"] > 0.9


@pytest.mark.parametrize("objective", OBJECTIVES)
class TestEveryObjective:
    def test_finds_the_hidden_item_of_the_checkerboard(self, objective: str) -> None:
        holdout = checkerboard_holdout(users=60, items=ITEMS, hidden=2)
        made = part(objective)
        fitting = fitting_of(made, holdout.inputs, Sizes(items=ITEMS))
        trained(made, fitting)
        module: Any = made.module
        ranked = rank_all(lambda batch: scores(module, batch), holdout, torch.device("cpu"), k=2)
        assert measure(ranked, holdout.targets).metrics["recall@20"] == pytest.approx(1.0)

    def test_one_seed_gives_one_set_of_bytes(self, objective: str) -> None:
        states = []
        for _ in range(2):
            made = part(objective, epochs=2)
            trained(made, fitting_of(made, checkerboard(items=ITEMS), Sizes(items=ITEMS)))
            states.append({name: value.numpy().tobytes() for name, value in made.module.state_dict().items()})
        assert states[0] == states[1]

    def test_another_seed_gives_other_bytes(self, objective: str) -> None:
        one, two = part(objective, epochs=1), part(objective, epochs=1)
        trained(one, fitting_of(one, checkerboard(items=ITEMS), Sizes(items=ITEMS), seed=1))
        trained(two, fitting_of(two, checkerboard(items=ITEMS), Sizes(items=ITEMS), seed=2))
        same = [bool(torch.equal(a, b)) for a, b in zip(one.module.parameters(), two.module.parameters(), strict=True)]
        assert not all(same)

    def test_padding_does_not_matter_and_weights_do(self, objective: str) -> None:
        module = part(objective).module.eval()
        plain = scores(module, batch_of([[1, 2, 3]], ITEMS))
        padded = UserBatch(
            torch.tensor([[ITEMS, 1, 2, ITEMS, 3]]),
            torch.tensor([[0.0, 1, 1, 0, 1]]),
            torch.zeros(1, 5),
            torch.zeros(1, 0),
        )
        torch.testing.assert_close(scores(module, padded), plain)
        assert not torch.allclose(scores(module, batch_of([[1, 2, 3]], ITEMS, [[5.0, 1, 1]])), plain)

    def test_empty_histories_give_finite_scores(self, objective: str) -> None:
        module = part(objective).module.eval()
        empty = UserBatch(torch.full((2, 3), ITEMS), torch.zeros(2, 3), torch.zeros(2, 3), torch.zeros(2, 0))
        none = UserBatch(torch.zeros(2, 0, dtype=torch.int64), torch.zeros(2, 0), torch.zeros(2, 0), torch.zeros(2, 0))
        for batch in (empty, none):
            assert scores(module, batch).isfinite().all()

    def test_onnx_gives_the_same_scores(self, objective: str) -> None:
        module: Any = part(objective).module.eval()

        class Face(nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.inner = module
                self.register_buffer("factors", module.item_factors().detach())

            factors: Tensor

            def forward(self, history: Tensor, weights: Tensor) -> Tensor:
                batch = UserBatch(history, weights, torch.zeros_like(weights), weights.new_zeros(weights.shape[0], 0))
                query: Tensor = self.inner.query(batch, self.inner.extract(batch))
                return query @ self.factors.T

        users, slots = torch.export.Dim("users"), torch.export.Dim("slots")
        axes = ({0: users, 1: slots}, {0: users, 1: slots})
        assert_same_in_onnx(Face(), lambda b, h: random_batch(b, h, ITEMS), ["history", "weights"], axes)

    def test_training_goes_on_after_the_last_epoch_count_was_fixed(self, objective: str) -> None:
        made = part(objective)
        fitting = fitting_of(made, checkerboard(items=ITEMS), Sizes(items=ITEMS))
        fitting.fixed_epochs = 3
        trained(made, fitting)
        assert len(fitting.curves) == 3


class TestLinear:
    def test_tables_follow_a_loaded_state(self) -> None:
        source, target = part("auto"), part("auto")
        trained(source, fitting_of(source, checkerboard(items=ITEMS), Sizes(items=ITEMS)))
        target.module.load_state_dict(source.module.state_dict())
        batch = batch_of([[0, 2], [1, 3, 5]], ITEMS)
        torch.testing.assert_close(scores(target.module, batch), scores(source.module, batch), rtol=0, atol=0)

    def test_scores_are_the_cosine_over_the_temperature_and_the_bias(self) -> None:
        module = built(record(), Sizes(items=2), objective="softmax", width=2, temperature=0.5).module
        assert isinstance(module, LinearAutoencoder)
        with torch.no_grad():
            module.encoder.copy_(torch.tensor([[3.0, 4.0], [0.0, 1.0], [9.0, 9.0]]))
            module.decoder.copy_(torch.tensor([[2.0, 0.0], [0.0, 3.0]]))
            module.log_gain.copy_(torch.tensor([2.0, 1.0]).log())
            module.bias.copy_(torch.tensor([0.1, 0.2]))
        module.eval()
        # z = 2 (3, 4) + (0, 1) * 2 = (6, 10) with the second item's weight 2
        expected = np.array([[6, 10]]) / np.sqrt(136) / 0.5 + [0.1, 0.2]
        np.testing.assert_allclose(scores(module, batch_of([[0, 1]], 2, [[1.0, 2.0]])), expected, rtol=1e-6)

    def test_elsa_has_one_table_of_unit_rows(self) -> None:
        module = built(record(), Sizes(items=5), objective="elsa", width=3).module
        assert isinstance(module, LinearAutoencoder)
        torch.testing.assert_close(module.factors[:, :3], module.embeddings[:5])
        torch.testing.assert_close(module.factors[:, :3].norm(dim=1), torch.ones(5))
        assert module.embeddings[5].abs().sum() == 0

    def test_elsa_learns_in_the_columns_of_its_plan(self) -> None:
        draw = np.random.default_rng(0)
        rows = Histories.from_rows([draw.choice(30, 8, replace=False).tolist() for _ in range(40)], 30)
        made = built(record(), Sizes(items=30), width=160, epochs=2, learning_rate=0.05, closed_form_items=0)
        trained(made, fitting_of(made, rows, Sizes(items=30)))
        module = made.module
        assert isinstance(module, LinearAutoencoder)
        learned = module.factors[:, 80:-1].abs().sum(0)
        assert bool((learned[:19] > 0).all())
        assert not learned[19:].any()
        assert bool(module.log_elsa_scale.any())
        assert bool(module.log_elsa_gain.any())

    def test_elsa_has_no_gains_where_events_have_times(self) -> None:
        rows = checkerboard()
        timed = replace(rows, ages=np.arange(len(rows.items), dtype=np.float32))
        for histories, learned in ((rows, True), (timed, False)):
            made = built(record(), Sizes(items=20), objective="elsa", width=4, epochs=2, learning_rate=0.05)
            trained(made, fitting_of(made, histories, Sizes(items=20)))
            assert bool(inside(made).log_elsa_scale.any()) is learned
            assert bool(inside(made).log_elsa_gain.any()) is learned

    def test_a_warm_start_where_events_have_times_drops_the_gains(self) -> None:
        made = built(record(), Sizes(items=20), objective="elsa", width=4, epochs=1)
        with torch.no_grad():
            inside(made).log_elsa_gain.fill_(0.5)
            inside(made).log_elsa_scale.fill_(0.5)
        rows = checkerboard()
        rows = replace(rows, ages=np.arange(len(rows.items), dtype=np.float32))
        fitting = fitting_of(made, rows, Sizes(items=20))
        fitting.warm_started = True
        trained(made, fitting)
        assert not inside(made).log_elsa_gain.any()
        assert not inside(made).log_elsa_scale.any()

    def test_a_warm_start_keeps_the_tables(self) -> None:
        made = part("softmax", epochs=1, learning_rate=1e-9)
        before = inside(made).encoder.detach().clone()
        fitting = fitting_of(made, checkerboard(items=ITEMS), Sizes(items=ITEMS))
        fitting.warm_started = True
        trained(made, fitting)
        torch.testing.assert_close(inside(made).encoder.detach(), before)
