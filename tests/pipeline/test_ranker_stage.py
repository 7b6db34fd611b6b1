"""Portable rankers: they learn from stages that have not seen the hidden rows, and rank for stages that have."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from selfrec.histories import Histories
from selfrec.pipeline.part_training import APPRENTICE
from selfrec.pipeline.pipeline_training import SELECTION
from selfrec.plugin import EpochOptions, Fitting, Ranker, Sizes, UserBatch
from selfrec.testing import checkerboard, checkerboard_holdout
from tests.pipeline.test_stages import ITEMS, trainer
from tests.toys import Toys


class Counting(nn.Module):
    """Learns one number; knows how often each item was chosen in the rows it stands on."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(()))
        self.register_buffer("counts", torch.zeros(sizes.items))

    counts: Tensor

    def rank(self, batch: UserBatch, features: Tensor, candidates: Tensor, scores: Tensor) -> Tensor:
        return scores.sum(2) * self.scale.exp()

    def training_loss(
        self, batch: UserBatch, features: Tensor, candidates: Tensor, scores: Tensor, labels: Tensor
    ) -> Tensor:
        final = torch.log_softmax(self.rank(batch, features, candidates, scores), dim=1)
        return -(final * labels).sum() / labels.sum()


class Watched:
    """A portable ranker that notes the rows it was shown."""

    def __init__(self) -> None:
        self.trained_on: list[Fitting] = []

    def record(self) -> Ranker:
        return Ranker(
            name="counting",
            summary="",
            options=EpochOptions,
            build=lambda options, sizes: Counting(sizes),
            trainer=self.train,
            portable=True,
            prepare=self.prepare,
        )

    def train(self, module: Counting, fitting: Fitting) -> None:
        from selfrec.plugin import train_by_epochs

        self.prepare(module, fitting)
        self.trained_on.append(fitting)
        train_by_epochs(module, fitting)

    def prepare(self, module: Counting, fitting: Fitting) -> None:
        module.counts.copy_(torch.from_numpy(fitting.histories.item_counts()))


def aged(histories: Histories) -> Histories:
    """The newest of a row is 0 days old, the one before it 1, and so on."""
    from_end = histories.offsets[1:][histories.row_numbers] - np.arange(len(histories.items)) - 1
    return replace(histories, ages=from_end.astype(np.float32))


PIPELINE = {"ranker": "counting", "keep": "all", "candidates": 10}


def test_stages_keep_all_rows_and_the_ranker_learns_from_apprentices() -> None:
    watched = Watched()
    stages = trainer(toys=Toys(watched.record()), pipeline=PIPELINE)
    rows = checkerboard()
    chosen = stages.select(rows, checkerboard_holdout())
    (lesson,) = watched.trained_on
    assert lesson.candidate_rows is not None
    visible = lesson.histories
    assert len(visible.items) < len(rows.items)
    # The apprentices ran as long as the stages that won, on the visible rows.
    best = stages.parts.trained[SELECTION, "extractor.factors"].best_epoch
    assert len(stages.parts.trained[APPRENTICE, "extractor.factors"].curves) == best
    # Where it stands now, the ranker knows all rows that these stages were trained on.
    assert chosen.ranker is not None
    ranker: Any = chosen.ranker.module
    assert ranker.counts.tolist() == rows.item_counts().tolist()
    assert stages.table[-1].name == "+ counting"


def test_a_refit_keeps_its_weights_and_tells_it_the_new_rows() -> None:
    watched = Watched()
    stages = trainer(toys=Toys(watched.record()), pipeline=PIPELINE)
    chosen = stages.select(checkerboard(), checkerboard_holdout())
    assert chosen.ranker is not None
    ranker: Any = chosen.ranker.module
    scale = float(ranker.scale.detach())
    more = checkerboard(users=60)
    again = stages.refit(chosen, more)
    assert again.ranker is not None
    refitted: Any = again.ranker.module
    assert float(refitted.scale.detach()) == scale
    assert refitted.counts.tolist() == more.item_counts().tolist()
    assert ("refit", "ranker.counting") not in stages.parts.trained
    assert len(watched.trained_on) == 1


def test_a_temporal_split_hides_a_period_from_everyone() -> None:
    """Ten items a row, a day apart: a tenth of the slots is the newest of every row."""
    watched = Watched()
    stages = trainer(toys=Toys(watched.record()), pipeline=PIPELINE, split={"kind": "temporal", "validation": 0.1})
    rows = aged(checkerboard())
    stages.select(rows, None)
    (lesson,) = watched.trained_on
    hidden = rows.ages <= np.sort(rows.ages)[round(0.1 * len(rows.ages))]
    assert lesson.histories.items.tolist() == rows.items[~hidden].tolist()
    assert lesson.histories.ages.min() == 1.0, "ages count from the moment of the cut"


def test_scores_of_the_lesson_are_blind_to_the_hidden_items() -> None:
    """The apprentices' own scores, not those of stages that were trained on the hidden items."""
    watched = Watched()
    stages = trainer(toys=Toys(watched.record()), pipeline=PIPELINE)
    chosen = stages.select(checkerboard(), None)
    rows = watched.trained_on[0].candidate_rows
    assert rows is not None
    whole = stages.recommender(chosen)
    candidates = torch.from_numpy(rows.candidates)
    with torch.no_grad():
        knowing = whole.candidate_scores(UserBatch.of(rows.inputs), candidates, candidates < ITEMS)
    assert not torch.allclose(knowing, torch.from_numpy(rows.scores), atol=1e-3)
