"""Rankers that take the place of a candidate for its number are found."""

from __future__ import annotations

import inspect
from collections.abc import Callable

import torch
from torch import Tensor, nn

from selfrec.plugin import Ranker, Sizes, UserBatch
from selfrec.testing import Bench
from selfrec.testing.checks import (
    check_independent_of_the_candidates_places,
    check_learns_the_checkerboard,
    check_shapes_and_dtypes,
)
from selfrec.testing.kit import outcome_of
from tests.toys import NoOptions, keep_as_built


class ByNumber(nn.Module):
    """A sound ranker: what an item is worth is added to what the generators say."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        self.worth = nn.Embedding(sizes.items + 1, 1)
        self.bonus = nn.Parameter(torch.rand(sizes.candidates))

    def rank(self, batch: UserBatch, features: Tensor, candidates: Tensor, scores: Tensor) -> Tensor:
        return scores.sum(2) + self.worth(candidates).squeeze(2)


class ByPlace(ByNumber):
    def rank(self, batch: UserBatch, features: Tensor, candidates: Tensor, scores: Tensor) -> Tensor:
        return super().rank(batch, features, candidates, scores) + self.bonus


class AllItems(ByNumber):
    def rank(self, batch: UserBatch, features: Tensor, candidates: Tensor, scores: Tensor) -> Tensor:
        return self.worth.weight[:-1, 0].repeat(candidates.shape[0], 1)


def bench(module: Callable[[Sizes], nn.Module]) -> Bench:
    return Bench(
        Ranker(
            name="toy", summary="A toy.", options=NoOptions, build=lambda options, sizes: module(sizes),
            trainer=keep_as_built,
        )
    )  # fmt: skip


def test_a_sound_ranker_passes() -> None:
    sound = bench(ByNumber)
    assert [
        outcome_of(check, sound).reason
        for check in (check_shapes_and_dtypes, check_independent_of_the_candidates_places)
    ] == ["", ""]


def test_the_place_of_a_candidate_says_nothing() -> None:
    reason = outcome_of(check_independent_of_the_candidates_places, bench(ByPlace)).reason
    assert reason.startswith("a candidate's score depends on its place among the others: look at its number (by up to ")


def test_a_ranker_by_scores_alone_is_told_how_to_be_excused() -> None:
    reason = outcome_of(check_learns_the_checkerboard, bench(ByNumber)).reason
    assert reason.endswith(
        "guessing gives 50%; before a ranker stands a generator that scores alike for everyone; if it goes by scores "
        "or columns alone, say so in its record: excused={'learns_the_checkerboard': 'why'}"
    )


def test_scores_of_all_items_are_not_those_of_the_candidates() -> None:
    line = inspect.getsourcelines(AllItems.rank)[1]
    assert outcome_of(check_shapes_and_dtypes, bench(AllItems)).reason == (
        f"ranker 'toy': `rank` returned torch.float32 [16, 20] (test_ranker_checks.py, line {line}); the contract "
        "wants torch.float32 [B, C], here [16, 14]"
    )
