"""The adversarial generator: its two networks, its losses, its training, its graph."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from selfrec.errors import PluginError
from selfrec.pipeline.fitting import Fitting
from selfrec.pipeline.measure import measure, rank_all
from selfrec.pipeline.parts import Part
from selfrec.plugin import Histories, Sizes, UserBatch
from selfrec.testing import checkerboard, checkerboard_holdout
from selfrec_gan import selfrec_generators
from selfrec_gan.module import BatchNorm, PreferenceGenerator
from selfrec_gan.options import GanOptions
from selfrec_gan.training import batch_size, softmax_loss, without_slots, working_items
from tests.plugins.kit import assert_same_in_onnx, batch_of, built, fitting_of, none, random_batch, trained

(RECORD,) = selfrec_generators()
ITEMS = 20
SIZES = Sizes(items=ITEMS)
SMALL: dict[str, Any] = {"width": 8, "hidden": (16,), "discriminator_hidden": (8,), "batch_size": 8}
TEXTBOOK: dict[str, Any] = {
    **SMALL,
    "noise": 4,
    "batch_norm": True,
    "skip": False,
    "cosine": False,
    "start": "random",
    "adversarial": 1.0,
    "adversarial_loss": "minimax",
    "mask_share": 1.0,
    "zero_reconstruction": 0.0,
    "softmax": 0.0,
}


def fitted(
    epochs: int = 15, *, seed: int = 0, histories: Histories | None = None, **options: Any
) -> tuple[Part, Fitting]:
    part = built(RECORD, SIZES, seed=seed, **{**SMALL, "learning_rate": 0.01, **options, "epochs": epochs})
    rows = checkerboard(seed=1, share=0.7) if histories is None else histories
    return part, trained(part, fitting_of(part, rows, SIZES, seed=seed))


@pytest.fixture(scope="module")
def part() -> Part:
    return fitted()[0]


def scores(part: Part, batch: UserBatch) -> Tensor:
    with torch.no_grad():
        return part.generate(batch, none(batch), ITEMS)


def test_learns_the_checkerboard(part: Part) -> None:
    holdout = checkerboard_holdout()
    ranked = rank_all(lambda batch: scores(part, batch), holdout, torch.device("cpu"))
    assert measure(ranked, holdout.targets).metrics["ndcg@20"] == pytest.approx(1.0)


@pytest.mark.parametrize(
    "options",
    [
        {"adversarial": 0.0},
        {"softmax": 0.0, "adversarial": 1.0},
        {"noise": 3},
        {"batch_norm": True},
        {"skip": False, "hidden": (16, 8)},
        {"hidden": ()},
        {"cosine": False},
        {"start": "random"},
        {"adversarial_loss": "minimax"},
        {"d_steps": 2, "g_steps": 2},
        {"sampled_items": 12},
        TEXTBOOK,
    ],
)
def test_every_option_trains_and_reports(options: dict[str, Any]) -> None:
    part, fitting = fitted(2, **options)
    figures = set(fitting.curves[-1])
    if options.get("adversarial") != 0.0:
        assert {"loss", "generator_loss", "discriminator_loss", "accuracy_real", "accuracy_generated"} <= figures
        assert 0 <= fitting.curves[-1]["accuracy_real"] <= 1
    assert torch.isfinite(scores(part, batch_of([[0, 2], []], ITEMS))).all()


def test_textbook_loss_is_the_one_printed() -> None:
    """An undecided discriminator scores 2 log 2, and the generator's log(1 - D) is -log 2."""
    _, fitting = fitted(1, **{**TEXTBOOK, "discriminator_learning_rate": 1e-9, "learning_rate": 1e-9})
    (curve,) = fitting.curves
    assert curve["discriminator_loss"] == pytest.approx(2 * math.log(2), abs=0.4)
    assert curve["loss"] == pytest.approx(curve["generator_loss"])
    assert curve["generator_loss"] == pytest.approx(-math.log(2), abs=0.4)


def test_discriminator_learns_to_tell() -> None:
    """Against a generator that stands still it is right on both kinds of rows."""
    still: dict[str, Any] = {
        "softmax": 0.0,
        "zero_reconstruction": 0.0,
        "learning_rate": 1e-9,
        "weight_decay": 0.0,
        "mask_share": 1.0,
    }
    _, fitting = fitted(40, **still, discriminator_learning_rate=0.02)
    assert fitting.curves[-1]["accuracy_real"] > 0.95
    assert fitting.curves[-1]["accuracy_generated"] > 0.95


def test_same_seed_same_weights() -> None:
    first, again, other = fitted(2)[0], fitted(2)[0], fitted(2, seed=1)[0]
    for name, value in first.module.state_dict().items():
        assert torch.equal(value, again.module.state_dict()[name]), name
    assert not torch.equal(first.module.state_dict()["items"], other.module.state_dict()["items"])


def test_warm_start_keeps_the_tables() -> None:
    part = built(RECORD, SIZES, **SMALL, epochs=1, learning_rate=1e-9, weight_decay=0)
    before = part.module.state_dict()["items"].clone()
    fitting = fitting_of(part, checkerboard(), SIZES)
    fitting.warm_started = True
    trained(part, fitting)
    torch.testing.assert_close(part.module.state_dict()["items"], before)


@given(st.lists(st.sampled_from(range(ITEMS)), min_size=0, max_size=6, unique=True), st.integers(0, 3), st.randoms())
@settings(max_examples=25, deadline=None)
def test_padding_and_its_place_do_not_matter(part: Part, row: list[int], pads: int, rng: Any) -> None:
    slots: list[tuple[int, float]] = [(item, 1.0 + item) for item in row] + [(ITEMS, 0.0)] * pads
    rng.shuffle(slots)
    plain = batch_of([row], ITEMS, [[1.0 + item for item in row]])
    history = torch.tensor([[item for item, _ in slots]], dtype=torch.int64).reshape(1, -1)
    weights = torch.tensor([[weight for _, weight in slots]], dtype=torch.float32).reshape(1, -1)
    padded = UserBatch(history, weights, torch.zeros_like(weights), torch.zeros(1, 0))
    torch.testing.assert_close(scores(part, plain), scores(part, padded), rtol=1e-4, atol=1e-4)


def test_a_user_alone_scores_as_in_a_batch() -> None:
    part, _ = fitted(3, batch_norm=True)
    rows = [[0, 2, 4], [1], [], [3, 5, 7, 9]]
    together = scores(part, batch_of(rows, ITEMS))
    for row, expected in zip(rows, together, strict=True):
        torch.testing.assert_close(scores(part, batch_of([row], ITEMS))[0], expected, rtol=1e-4, atol=1e-5)


def test_weights_count_by_their_ratio(part: Part) -> None:
    rows = [[0, 1]]
    equal, scaled, leaning = ([[1.0, 1.0]], [[5.0, 5.0]], [[9.0, 1.0]])
    first = scores(part, batch_of(rows, ITEMS, equal))
    torch.testing.assert_close(first, scores(part, batch_of(rows, ITEMS, scaled)))
    even = scores(part, batch_of(rows, ITEMS, leaning))[0, 2::2].mean()
    assert even > first[0, 2::2].mean()


def test_features_are_a_condition() -> None:
    part = built(RECORD, Sizes(items=ITEMS, features=3), **SMALL, condition="features")
    batch = batch_of([[0], [1]], ITEMS)
    features = torch.tensor([[1.0, 0.0, 0.0], [1.0, 0.0, 0.0]])
    with torch.no_grad():
        same = part.generate(batch, features, ITEMS)
        other = part.generate(batch, features.flip(1), ITEMS)
    torch.testing.assert_close(same[0], same[1])
    assert not torch.allclose(same, other)


def test_condition_on_features_without_an_extractor_is_refused() -> None:
    with pytest.raises(PluginError, match="needs an extractor"):
        built(RECORD, SIZES, condition="features")


def test_without_slots_takes_whole_slots() -> None:
    torch.manual_seed(0)
    batch = batch_of([list(range(20))] * 50, ITEMS)
    seen = without_slots(batch, 0.3, ITEMS)
    gone = seen.history == ITEMS
    assert torch.equal(gone, seen.weights == 0)
    assert 0.25 < gone.float().mean() < 0.35
    assert torch.equal(seen.history[~gone], batch.history[~gone])


def test_working_items_stand_for_the_catalog() -> None:
    everything, correction = working_items(torch.tensor([[3, 20]]), 20, 20)
    assert everything.tolist() == list(range(20))
    assert correction.abs().sum() == 0
    torch.manual_seed(0)
    items, correction = working_items(torch.tensor([[3, 4], [5, 20]]), 20, 10)
    assert items[:3].sort().values.tolist() == [3, 4, 5]
    assert len(set(items.tolist())) == 10
    assert correction.exp().sum() == pytest.approx(20)
    many, correction = working_items(torch.arange(16)[None], 20, 8)
    assert sorted(item < 16 for item in many.tolist()) == [False, False] + [True] * 6
    assert correction.exp().sum() == pytest.approx(20)


def test_softmax_loss_by_hand() -> None:
    logits = torch.log(torch.tensor([[1.0, 2.0, 1.0], [1.0, 1.0, 2.0], [5.0, 1.0, 1.0]]))
    targets = torch.tensor([[0.0, 1.0, 0.0], [2.0, 2.0, 0.0], [0.0, 0.0, 0.0]])
    # Rows count 1 and sqrt(4); the second's mean over its weight is log 4.
    assert float(softmax_loss(logits, targets)) == pytest.approx((math.log(2) + 2 * math.log(4)) / 3)
    assert float(softmax_loss(logits, torch.zeros_like(targets))) == 0


def test_batch_norm_of_one_row_is_finite() -> None:
    layer = BatchNorm(3).train()
    torch.testing.assert_close(layer(torch.ones(1, 3)), torch.ones(1, 3), rtol=1e-4, atol=1e-4)


class Scores(nn.Module):
    """The generator as a graph of its own."""

    def __init__(self, module: PreferenceGenerator) -> None:
        super().__init__()
        self.module = module

    def forward(self, history: Tensor, weights: Tensor, features: Tensor) -> Tensor:
        batch = UserBatch(history, weights, torch.zeros_like(weights), weights.new_zeros(weights.shape[0], 0))
        return self.module.query(batch, features) @ self.module.item_factors().T


@pytest.mark.parametrize("options", [{}, {"batch_norm": True, "noise": 3, "cosine": False, "skip": False}])
def test_graph_is_the_module(options: dict[str, Any]) -> None:
    torch.manual_seed(0)
    module = PreferenceGenerator(GanOptions(**{**SMALL, **options}), Sizes(items=ITEMS, features=3)).eval()

    def inputs(users: int, length: int) -> tuple[Tensor, ...]:
        history, weights = random_batch(users, length, ITEMS)
        return history, weights, torch.linspace(-1, 1, users * 3).reshape(users, 3)

    batch, length = torch.export.Dim("batch"), torch.export.Dim("length")
    axes = ({0: batch, 1: length}, {0: batch, 1: length}, {0: batch})
    assert_same_in_onnx(Scores(module), inputs, ["history", "weights", "features"], axes)


@pytest.mark.parametrize(("users", "size"), [(3, 1), (120, 30), (121, 31), (512, 128), (100_000, 128)])
def test_few_users_give_four_batches_too(users: int, size: int) -> None:
    assert batch_size(GanOptions(), users) == size
