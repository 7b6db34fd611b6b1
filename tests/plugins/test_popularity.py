"""Popularity: closed form, the same for everyone."""

from __future__ import annotations

import math

import torch

from selfrec.plugin import Histories, Sizes
from selfrec_popularity import selfrec_generators
from tests.plugins.kit import batch_of, built, fitting_of, none, trained

(RECORD,) = selfrec_generators()
SIZES = Sizes(items=3)


def scores_of(popularity: list[float], **options: float) -> torch.Tensor:
    part = built(RECORD, SIZES, **options)
    trained(part, fitting_of(part, Histories.from_rows([[0, 1, 2]], 3), SIZES, popularity=popularity))
    batch = batch_of([[0, 1], [], [2]], 3)
    return part.generate(batch, none(batch), 3)


def test_scaled_log_of_decayed_popularity() -> None:
    scores = scores_of([7.0, 1.0, 0.0])
    assert torch.equal(scores[0], scores[1])
    assert torch.equal(scores[0], scores[2])
    torch.testing.assert_close(scores[0], torch.tensor([1.0, math.log(2) / math.log(8), 0.0]))


def test_exponent() -> None:
    torch.testing.assert_close(scores_of([7.0, 1.0, 0.0], exponent=2)[0], torch.tensor([1.0, 1 / 9, 0.0]))


def test_nothing_popular_gives_zeros() -> None:
    assert torch.equal(scores_of([0.0, 0.0, 0.0]), torch.zeros(3, 3))
