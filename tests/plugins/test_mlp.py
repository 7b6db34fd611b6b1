"""The ranker: starts as the generators' order, learns what they miss, is the same in the graph."""

from __future__ import annotations

import math
from collections.abc import Iterator
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
from selfrec_mlp.training import item_columns
from tests.plugins.kit import assert_same_in_onnx, batch_of, built, fitting_of, none, random_batch, trained

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
        loss.backward()  # type: ignore[no-untyped-call]
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


def test_item_columns_are_standardised() -> None:
    histories = Histories.from_rows([[0, 1], [0]], 3)
    part = built(RECORD, SIZES)
    columns = item_columns(fitting_of(part, histories, Sizes(items=3), popularity=[3.0, 1.0, 0.0]))
    assert columns.shape == (3, 4)
    expected = np.log1p([3.0, 1.0, 0.0])
    torch.testing.assert_close(
        columns[:, 0], torch.from_numpy(((expected - expected.mean()) / expected.std()).astype(np.float32))
    )
    assert torch.equal(columns[:, 2:], torch.zeros(3, 2)), "without ages there is nothing to tell items apart"


def test_inputs_follow_the_options() -> None:
    assert inputs(MlpOptions()) == frozenset()
    assert inputs(MlpOptions(ages=True, user_features=True)) == {"ages", "user_features"}
    assert inputs(MlpOptions(ages=True, textbook=True)) == frozenset()
    assert RECORD.reads(MlpOptions(ages=True)) == {"ages"}


class Ranked(nn.Module):
    """The ranker as a graph of its own."""

    def __init__(self, module: CandidateRanker | TextbookRanker) -> None:
        super().__init__()
        self.module = module

    def forward(self, history: Tensor, weights: Tensor, ages: Tensor, candidates: Tensor, scores: Tensor) -> Tensor:
        features = torch.cat([weights.sum(1, keepdim=True), ages.sum(1, keepdim=True)], dim=1)
        return self.module.rank(UserBatch(history, weights, ages, ages[:, :0]), features, candidates, scores)


@pytest.mark.parametrize(
    "options",
    [{}, {"ages": True, "learn_items": True, "hidden": (8, 4), "activation": "leaky-relu"}, {"textbook": True}],
)
def test_graph_is_the_module(options: dict[str, Any]) -> None:
    sizes = Sizes(items=ITEMS, generators=2, candidates=6, features=2)
    module = built(RECORD, sizes, **{**SMALL, **options}).module
    assert isinstance(module, CandidateRanker | TextbookRanker)
    torch.manual_seed(0)
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
    assert_same_in_onnx(Ranked(module), example, names, (slots, slots, slots, {0: batch}, {0: batch}))


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
