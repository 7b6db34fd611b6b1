"""Popularity: closed form, the same for everyone."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from selfrec.plugin import Histories, Sizes
from selfrec_popularity import selfrec_generators
from tests.plugins.kit import batch_of, built, fitting_of, none, trained

(RECORD,) = selfrec_generators()
SIZES = Sizes(items=3)


def scores_of(rows: list[list[int]], ages: list[float] | None = None, **options: Any) -> torch.Tensor:
    histories = Histories.from_rows(rows, 3)
    if ages is not None:
        histories = replace(histories, ages=np.array(ages, dtype=np.float32))
    part = built(RECORD, SIZES, **options)
    trained(part, fitting_of(part, histories, SIZES))
    batch = batch_of([[0, 1], [], [2]], 3)
    return part.generate(batch, none(batch), 3)


SEVEN_TO_ONE = [[0]] * 6 + [[0, 1]]


def test_scaled_log_of_popularity_for_everyone() -> None:
    scores = scores_of(SEVEN_TO_ONE)
    assert torch.equal(scores[0], scores[1])
    assert torch.equal(scores[0], scores[2])
    torch.testing.assert_close(scores[0], torch.tensor([1.0, math.log(2) / math.log(8), 0.0]))


def test_old_choices_count_less() -> None:
    scores = scores_of([[0], [0], [1]], ages=[10.0, 10.0, 0.0], half_life_days=10)
    torch.testing.assert_close(scores[0], torch.tensor([1.0, 1.0, 0.0]))


def test_exponent() -> None:
    torch.testing.assert_close(scores_of(SEVEN_TO_ONE, exponent=2)[0], torch.tensor([1.0, 1 / 9, 0.0]))


def test_nothing_popular_gives_zeros() -> None:
    assert torch.equal(scores_of([[], []]), torch.zeros(3, 3))
