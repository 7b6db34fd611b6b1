"""What the report is told of the parts."""

from __future__ import annotations

from torch import Tensor, nn

from selfrec.fit_job.reporting import _scores
from selfrec.pipeline.features import Features
from selfrec.pipeline.parts import build_part
from selfrec.plugin import EpochOptions, Generator, Sizes, UserBatch
from selfrec.testing import checkerboard


class Again(nn.Module):
    """What a user had before; there is nothing to learn."""

    def sparse_scores(self, batch: UserBatch, features: Tensor) -> tuple[Tensor, Tensor]:
        return batch.history, batch.weights


def test_a_part_without_a_state_is_shown_too() -> None:
    rows = checkerboard()
    record = Generator(name="again", summary="x", options=EpochOptions, build=lambda options, sizes: Again())
    part = build_part(record, "again", EpochOptions(), Sizes(items=rows.n_items), 0)
    assert not part.module.state_dict()
    scores = _scores(part, Features([]), rows)
    assert scores.shape == (len(rows), rows.n_items)
    assert (scores > 0).sum() == len(rows.items)
