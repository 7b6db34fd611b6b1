"""The ranker: starts as the generators' order, learns what they miss, is the same in the graph."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from selfrec.pipeline.fitting import CandidateRows, Fitting
from selfrec.pipeline.parts import Part
from selfrec.plugin import Histories, Sizes, UserBatch
from selfrec.testing import checkerboard_holdout
from selfrec_mlp import inputs, selfrec_rankers
from selfrec_mlp.losses import listwise, pairwise, pointwise
from selfrec_mlp.module import CandidateRanker
from selfrec_mlp.options import MlpOptions
from selfrec_mlp.scores import standardised
from selfrec_mlp.textbook import TextbookRanker
from selfrec_mlp.training import item_columns, item_vectors
from tests.plugins.kit import assert_same_in_onnx, batch_of, built, fitting_of, inside, none, random_batch, trained

(RECORD,) = selfrec_rankers()
ITEMS = 20
SIZES = Sizes(items=ITEMS, generators=1, candidates=10)
SMALL: dict[str, Any] = {"width": 8, "hidden": (8,), "learning_rate": 0.02, "batch_size": 16}


def checkerboard_rows(users: int = 80) -> CandidateRows:
    """Ten candidates a user: nine of the other colour with high scores, and the hidden item with the lowest."""
    holdout = checkerboard_holdout(users=users, items=ITEMS)
    rng = np.random.default_rng(0)
    candidates = np.empty((users, 10), dtype=np.int64)
    for user in range(users):
        other = rng.permutation(np.arange(1 - user % 2, ITEMS, 2))[:9]
        candidates[user] = np.sort(np.append(other, holdout.targets.items[user]))
    labels = (candidates == holdout.targets.items[:, None]).astype(np.float32)
    scores = (rng.random((users, 10)) - 2 * labels).astype(np.float32)
    return CandidateRows(holdout.inputs, candidates, scores[:, :, None], labels)


def fitted(epochs: int = 30, **options: Any) -> tuple[Part, Fitting, CandidateRows]:
    rows = checkerboard_rows()
    part = built(RECORD, SIZES, **{**SMALL, **options, "epochs": epochs})
    return part, trained(part, fitting_of(part, rows.inputs, SIZES, rows=rows)), rows


def hits(part: Part, rows: CandidateRows) -> float:
    """Share of rows whose hidden item comes first."""
    batch = UserBatch.of(rows.inputs)
    with torch.no_grad():
        final = part.rank(batch, none(batch), torch.from_numpy(rows.candidates), torch.from_numpy(rows.scores))
    best = final.argmax(1, keepdim=True)
    return float(torch.from_numpy(rows.labels).gather(1, best).mean())


@pytest.mark.parametrize("loss", ["listwise", "pairwise", "pointwise"])
def test_learns_what_the_generator_has_upside_down(loss: str) -> None:
    part, _, rows = fitted(loss=loss)
    assert hits(built(RECORD, SIZES), rows) == 0
    assert hits(part, rows) == 1


def test_textbook_learns_by_the_features() -> None:
    """f tells the user's colour; Wr then lifts the items of that colour."""
    rows = checkerboard_rows()
    sizes = Sizes(items=ITEMS, generators=1, candidates=10, features=2)
    module = TextbookRanker(MlpOptions(textbook=True), sizes)
    colour = torch.eye(2)[torch.arange(len(rows.inputs)) % 2]
    optimizer = torch.optim.Adam(module.parameters(), lr=0.2)
    batch, candidates = UserBatch.of(rows.inputs), torch.from_numpy(rows.candidates)
    scores, labels = torch.from_numpy(rows.scores), torch.from_numpy(rows.labels)
    for _ in range(60):
        optimizer.zero_grad()
        loss = module.training_loss(batch, colour, candidates, scores, labels)
        loss.backward()
        optimizer.step()
    final = module.rank(batch, colour, candidates, scores)
    assert float(labels.gather(1, final.argmax(1, keepdim=True)).mean()) == 1
    assert ((final >= 0) & (final <= 1)).all()


def test_textbook_by_hand() -> None:
    """One item's row of Wr: w_f = (2, -1), w_x = 0.5, b = 0.25."""
    module = TextbookRanker(MlpOptions(textbook=True), Sizes(items=3, features=2, generators=1))
    with torch.no_grad():
        module.rows[1] = torch.tensor([2.0, -1.0, 0.5, 0.25])
    batch = batch_of([[0]], 3)
    features, scores = torch.tensor([[0.3, 0.1]]), torch.tensor([[[4.0], [2.0]]])
    final = module.rank(batch, features, torch.tensor([[1, 2]]), scores)
    # Standardised, the two scores are 1 and -1.
    first = 1 / (1 + math.exp(-(2 * 0.3 - 0.1 + 0.5 + 0.25)))
    torch.testing.assert_close(final, torch.tensor([[first, 1 / (1 + math.e)]]))


@pytest.mark.parametrize("textbook", [False, True])
@pytest.mark.parametrize("generators", [1, 3])
def test_starts_with_the_generators_order(textbook: bool, generators: int) -> None:
    sizes = Sizes(items=ITEMS, generators=generators, candidates=10, features=3)
    part = built(RECORD, sizes, textbook=textbook)
    batch = batch_of([[1, 2], [], [4]], ITEMS)
    scores = torch.from_numpy(np.random.default_rng(0).normal(size=(3, 10, generators)).astype(np.float32))
    scores[:, :, 1:] = 0
    candidates = torch.arange(10).repeat(3, 1)
    final = part.rank(batch, torch.ones(3, 3), candidates, scores * 50)
    assert torch.equal(final.argsort(1), scores.sum(2).argsort(1))


def test_same_seed_same_weights() -> None:
    first, again = fitted(2)[0].module.state_dict(), fitted(2)[0].module.state_dict()
    assert all(torch.equal(value, again[name]) for name, value in first.items())


def test_padding_place_and_company_do_not_matter() -> None:
    part, _, rows = fitted(5)
    candidates, scores = torch.from_numpy(rows.candidates[:1]), torch.from_numpy(rows.scores[:1])

    def final(history: list[list[int]], weights: list[list[float]]) -> Tensor:
        slots = torch.tensor(history), torch.tensor(weights, dtype=torch.float32)
        batch = UserBatch(*slots, torch.zeros_like(slots[1]), torch.zeros(len(history), 0))
        count = len(history)
        with torch.no_grad():
            return part.rank(batch, none(batch), candidates.expand(count, -1), scores.expand(count, -1, -1))

    plain = final([[0, 2, 4]], [[1, 2, 3]])
    padded = final([[0, ITEMS, 2, ITEMS, 4, ITEMS], [1, 3, 5, 7, 9, 11]], [[1, 0, 2, 0, 3, 0], [1, 1, 1, 1, 1, 1]])
    torch.testing.assert_close(plain[0], padded[0])
    assert not torch.allclose(final([[0, 2, 4]], [[1, 2, 9]]), plain)
    assert not torch.allclose(final([[4, 2, 0]], [[3, 2, 1]]), plain), "the order of the history counts"


def test_empty_history_and_equal_scores_are_finite() -> None:
    part, _, _ = fitted(2)
    batch = batch_of([[]], ITEMS)
    candidates = torch.tensor([[0, 1, ITEMS]])
    final = part.rank(batch, none(batch), candidates, torch.full((1, 3, 1), 7.0))
    assert torch.isfinite(final).all()


def test_standardised_by_hand() -> None:
    scores = torch.tensor([[1.0, 3.0], [5.0, 5.0]])
    torch.testing.assert_close(standardised(scores), torch.tensor([[-1.0, 1.0], [0.0, 0.0]]))


def test_losses_by_hand() -> None:
    scores = torch.log(torch.tensor([[1.0, 3.0, 99.0], [2.0, 2.0, 2.0]]))
    labels = torch.tensor([[0.0, 1.0, 0.0], [0.0, 0.0, 0.0]])
    real = torch.tensor([[True, True, False], [True, True, True]])
    assert float(listwise(scores, labels, real)) == pytest.approx(math.log(4 / 3))
    assert float(pairwise(scores, labels, real)) == pytest.approx(math.log(4 / 3))
    # s(log 3) = 3/4 for the hidden item, 1 - s(log 1) = 1/2 for the other.
    assert float(pointwise(scores, labels, real)) == pytest.approx((math.log(4 / 3) + math.log(2)) / 2)


def test_no_hidden_item_no_loss() -> None:
    for loss in (listwise, pairwise, pointwise):
        assert float(loss(torch.ones(2, 3), torch.zeros(2, 3), torch.ones(2, 3, dtype=torch.bool))) == 0


def test_item_columns_by_hand() -> None:
    """Two choices of item 0 long ago, one of item 1 today; the half-lives are 16, 4 and 1 days."""
    histories = replace(Histories.from_rows([[0], [0], [1]], 3), ages=np.array([64, 64, 0], dtype=np.float32))
    columns = item_columns(fitting_of(built(RECORD, SIZES), histories, Sizes(items=3))).double()
    counts = torch.tensor([2.0, 1.0, 0.0]).double()
    logs = [torch.log1p(counts)]
    for half_life in (16, 4, 1):
        recent = counts * 2.0 ** -torch.tensor([64 / half_life, 0, 0]).double()
        logs.append(torch.log((recent * 3 / recent.sum() + 1) / (counts + 1)))
    logs += [torch.tensor([math.log(65), 0, 0]).double(), torch.tensor([math.log(65), 0, math.log(65)]).double()]
    expected = torch.stack([(log - log.mean()) / log.std(correction=0) for log in logs], dim=1)
    torch.testing.assert_close(columns, expected, atol=1e-6, rtol=1e-5)


def test_item_columns_without_ages() -> None:
    histories = Histories.from_rows([[0, 1], [0]], 3)
    columns = item_columns(fitting_of(built(RECORD, SIZES), histories, Sizes(items=3)))
    expected = np.log1p([2.0, 1.0, 0.0])
    torch.testing.assert_close(
        columns[:, 0], torch.from_numpy(((expected - expected.mean()) / expected.std()).astype(np.float32))
    )
    assert torch.equal(columns[:, 1:], torch.zeros(3, 5)), "without ages there is nothing to tell items apart"


def test_items_of_the_same_users_are_alike_however_wide_the_vectors() -> None:
    """Unscaled singular vectors of full width would be orthogonal for every two items."""
    rows = [[0, 1, 2], [0, 1], [1, 2], [3, 4, 5], [3, 5], [4, 5]]
    histories = Histories.from_rows(rows, 7)
    vectors = item_vectors(fitting_of(built(RECORD, SIZES), histories, Sizes(items=7)), 6)
    alike = vectors @ vectors.T
    assert vectors.shape == (8, 6)
    assert torch.allclose(alike.diagonal(), torch.tensor([1.0] * 6 + [0.0] * 2))
    assert alike[0, 1] > 0.5
    assert alike[3, 5] > 0.5
    assert float(alike[:3, 3:6].max()) < 0


class TestPortable:
    def test_features_are_not_read(self) -> None:
        """Another training of the same stages turns the features about; the order must not hang on them."""
        sizes = Sizes(items=ITEMS, generators=1, candidates=3, features=2)
        module = inside(built(RECORD, sizes))
        nn.init.normal_(module.out.weight)
        batch, candidates = batch_of([[1, 2]], ITEMS), torch.tensor([[0, 3, 4]])
        scores = torch.tensor([[[1.0], [2.0], [0.5]]])
        first, second = (module.rank(batch, f, candidates, scores) for f in (torch.zeros(1, 2), torch.ones(1, 2)))
        assert torch.equal(first, second)
        assert RECORD.portable_with(MlpOptions())
        assert not RECORD.portable_with(MlpOptions(textbook=True)), "the textbook's reads the features"

    def test_prepare_fills_in_other_rows_and_leaves_the_rest(self) -> None:
        part, _, _ = fitted(3)
        weights = {name: value.clone() for name, value in part.module.named_parameters()}
        other = Histories.from_rows([[0, 1], [0, 2], [0, 3]], ITEMS)
        fitting = fitting_of(part, other, SIZES)
        assert RECORD.prepare is not None
        RECORD.prepare(part.module, fitting)
        assert torch.equal(inside(part).columns[:-1], item_columns(fitting)[:, :1])
        assert inside(part).columns[0, 0] > inside(part).columns[1, 0]
        assert all(torch.equal(value, weights[name]) for name, value in part.module.named_parameters())


class TestColumns:
    """Of two candidates with equal scores, the one is hidden that has the user's own column."""

    SIZES = Sizes(items=ITEMS, generators=1, candidates=2, user_features=2, item_features=2)

    def rows(self) -> CandidateRows:
        users = 120
        kind = np.arange(users) % 2
        pairs = np.random.default_rng(0).permuted(np.arange(ITEMS).reshape(-1, 2)[:9].repeat(14, axis=0)[:users])
        candidates = np.sort(np.stack([pairs[:, 0] // 2 * 2, pairs[:, 1] // 2 * 2 + 1], axis=1), axis=1)
        inputs = replace(Histories.from_rows([[19]] * users, ITEMS), user_features=np.eye(2, dtype=np.float32)[kind])
        labels = (candidates % 2 == kind[:, None]).astype(np.float32)
        return CandidateRows(inputs, candidates, np.zeros((users, 2, 1), dtype=np.float32), labels)

    def accuracy(self, **options: Any) -> float:
        rows = self.rows()
        part = built(RECORD, self.SIZES, **{**SMALL, "epochs": 40, "column_dropout": 0.0, **options})
        fitting = fitting_of(part, rows.inputs, self.SIZES, rows=rows)
        fitting.item_features = np.eye(2, dtype=np.float32)[np.arange(ITEMS) % 2]
        trained(part, fitting)
        return hits(part, rows)

    def test_user_and_item_columns_meet(self) -> None:
        assert self.accuracy() == 1

    @pytest.mark.parametrize("left_out", ["user_features", "item_features"])
    def test_one_without_the_other_says_nothing(self, left_out: str) -> None:
        assert self.accuracy(**{left_out: False}) < 0.8

    def test_unknown_users_and_items_are_neutral(self) -> None:
        part = built(RECORD, self.SIZES)
        assert torch.equal(inside(part).columns, torch.zeros(ITEMS + 1, 3))
        batch = batch_of([[1]], ITEMS)._replace(user_features=torch.zeros(1, 2))
        final = part.rank(batch, none(batch), torch.tensor([[2, 3]]), torch.zeros(1, 2, 1))
        assert final.tolist() == [[0, 0]]


def test_time_since_the_last_event_and_profiles_by_age() -> None:
    sizes = Sizes(items=4, generators=1, candidates=2, ages=True)
    module = inside(built(RECORD, sizes, width=2))
    module.items.copy_(torch.tensor([[1.0, 0], [0, 1], [1, 0], [0, 1], [0, 0]]))
    module.span.fill_(8.0)
    # Padding stands before and after; the newest event is 3 days old, the other 5 days.
    batch = UserBatch(
        torch.tensor([[4, 0, 1, 4]]), torch.tensor([[0.0, 1, 1, 0]]), torch.tensor([[0.0, 5, 3, 0]]), torch.zeros(1, 0)
    )
    count, mean, newest = module._known(batch)[0][0], *(known[0] for known in module._known(batch)[1:])
    assert float(newest) == pytest.approx(math.log(4) / 4)
    assert float(mean) == pytest.approx((math.log(6) + math.log(4)) / 2 / 4)
    assert float(count) == pytest.approx(math.log(3) / 4)
    by_age = module._profiles(batch, module.items[batch.history])[3]
    # The older event is 2 of 8 days older: it weighs e^(-4 / 4).
    torch.testing.assert_close(by_age, torch.tensor([[math.exp(-1), 1.0]]) / (1 + math.exp(-1)))


def test_inputs_follow_the_options() -> None:
    assert inputs(MlpOptions()) == {"ages", "user_features"}
    assert inputs(MlpOptions(ages=False, user_features=False)) == frozenset()
    assert inputs(MlpOptions(ages=True, textbook=True)) == frozenset()
    assert RECORD.reads(MlpOptions(user_features=False)) == {"ages"}


class Ranked(nn.Module):
    """The ranker as a graph of its own."""

    def __init__(self, module: CandidateRanker | TextbookRanker, users: int = 0) -> None:
        super().__init__()
        self.module = module
        self.users = users

    def forward(self, history: Tensor, weights: Tensor, ages: Tensor, candidates: Tensor, scores: Tensor) -> Tensor:
        features = torch.cat([weights.sum(1, keepdim=True), ages.sum(1, keepdim=True)], dim=1)
        users = torch.cat([weights.sum(1, keepdim=True), -features[:, :1]], dim=1)[:, : self.users]
        return self.module.rank(UserBatch(history, weights, ages, users), features, candidates, scores)


@pytest.mark.parametrize(
    "options",
    [
        {"ages": False, "user_features": False, "item_features": False},
        {"item_features": False},
        {"learn_items": True, "hidden": (8, 4), "activation": "leaky-relu"},
        {"textbook": True},
    ],
)
def test_graph_is_the_module(options: dict[str, Any]) -> None:
    sizes = Sizes(items=ITEMS, generators=2, candidates=6, features=2, user_features=2, item_features=3, ages=True)
    module = built(RECORD, sizes, **{**SMALL, **options}).module.eval()
    assert isinstance(module, CandidateRanker | TextbookRanker)
    torch.manual_seed(0)
    if isinstance(module, CandidateRanker):
        module.columns.normal_()
    for parameter in module.parameters():
        nn.init.normal_(parameter, std=0.3)

    def example(users: int, length: int) -> tuple[Tensor, ...]:
        history, weights = random_batch(users, length, ITEMS)
        rng = np.random.default_rng([users, length, 1])
        candidates = torch.from_numpy(np.sort(rng.integers(0, ITEMS + 1, size=(users, 6))))
        scores = torch.from_numpy(rng.normal(size=(users, 6, 2)).astype(np.float32))
        return history, weights, weights * 10, candidates, scores

    batch, length = torch.export.Dim("batch"), torch.export.Dim("length")
    slots = {0: batch, 1: length}
    names = ["history", "weights", "ages", "candidates", "scores"]
    assert_same_in_onnx(Ranked(module, users=2), example, names, (slots, slots, slots, {0: batch}, {0: batch}))


def test_ages_in_any_order_are_finite() -> None:
    """Nobody promises a graph's caller that the last event is the youngest, nor that ages end with the span."""
    sizes = Sizes(items=ITEMS, generators=1, candidates=3, ages=True)
    part = built(RECORD, sizes)
    nn.init.normal_(inside(part).out.weight)
    batch = batch_of([[1, 2]], ITEMS)._replace(ages=torch.tensor([[0.0, 1e6]]))
    assert torch.isfinite(part.rank(batch, none(batch), torch.tensor([[0, 3, 4]]), torch.ones(1, 3, 1))).all()
