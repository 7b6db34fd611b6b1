"""The configured pipeline: chosen on some rows, trained once more on others, put together as one module."""

from __future__ import annotations

from dataclasses import replace

from torch import Tensor

from selfrec.histories import Histories, Holdout
from selfrec.pipeline.chosen import Chosen
from selfrec.pipeline.features import Features
from selfrec.pipeline.generated import joined
from selfrec.pipeline.hiding import earlier_windows, hide_for_ranker
from selfrec.pipeline.nearness import far_half
from selfrec.pipeline.part_training import PartTrainer
from selfrec.pipeline.parts import Part
from selfrec.pipeline.pipeline_training import AUGMENTED, REFIT, SELECTION, PipelineTrainer
from selfrec.pipeline.prior import HalfLives, best_mix
from selfrec.pipeline.ranker_stage import Destination, Lesson, RankerTrainer
from selfrec.pipeline.recommender import Recommender
from selfrec.pipeline.scoreboard import Scoreboard, Stage
from selfrec.pipeline.selection import Rows, Selected, Selection


class StageTrainer:
    """Trains the configured pipeline on some rows and chooses its stages on others.

    Each step sets the trainer and what was selected as a whole; the values themselves never change.
    """

    def __init__(self, parts: PartTrainer, prior: Tensor) -> None:
        """prior float32[N]: a cold user's scores."""
        self._config = parts.config
        given = HalfLives(given=self._config.pipeline.popularity_half_life_days)
        self._trainer = PipelineTrainer(parts, prior).with_half_lives(given)
        self._selected = Selected(Chosen())

    @property
    def parts(self) -> PartTrainer:
        """What trains the parts, and knows how each training went."""
        return self._trainer.parts

    @property
    def table(self) -> tuple[Stage, ...]:
        """The stages as they were measured in the selection, in order."""
        return self._selected.table

    @property
    def tried(self) -> tuple[tuple[Part, Features], ...]:
        """Every generator of the selection, also those that did not win a place, and the features it was given."""
        return self._selected.tried

    @property
    def prior(self) -> Tensor:
        """A cold user's scores, float32[N]."""
        return self._trainer.prior

    def select(self, histories: Histories, validation: Holdout | None) -> Chosen:
        """Train every configured stage; keep those that win on the validation rows (all, where there are none)."""
        visible, hidden = self._less_the_hidden(histories)
        far = None
        if validation is not None and not visible.ages.any():
            far = far_half(visible, validation, self._config.seed)
        board = Scoreboard(self.parts.device, self.parts.listener, far)
        trainer = self._trainer.for_rows(visible)
        if validation is not None:
            trainer = trainer.with_half_lives(self._half_lives(visible, validation, board))
        self._trainer = trainer
        self._selected = Selection(trainer, board, Rows(visible, hidden, validation)).run()
        return self._selected.chosen

    def refit(self, chosen: Chosen, histories: Histories) -> Chosen:
        """Train the chosen stages anew on more rows, each for the number of epochs that was best."""
        visible, hidden = self._less_the_hidden(histories) if chosen.ranker is not None else (histories, None)
        self._trainer = trainer = self._trainer.for_rows(visible)
        rows = visible if chosen.generated is None else joined(visible, chosen.generated)
        like = SELECTION if chosen.generated is None else AUGMENTED
        again = trainer.again(REFIT, chosen, visible, like=like, rows=rows)
        if chosen.ranker is None:
            return again
        ranking = RankerTrainer(trainer)
        if hidden is None:
            return replace(again, ranker=ranking.settle(chosen.ranker, again, visible))
        lesson, destination = Lesson(again, visible, hidden), Destination(again, visible, None)
        found = ranking.train(REFIT, chosen.ranker.text, lesson, destination, like=SELECTION)
        return again if found is None else replace(again, ranker=found[0])

    def settle_prior(self, histories: Histories) -> None:
        """Give cold users the popularity of these rows (all that the exported model may know), with the half-lives
        that were best; where none was chosen, the catalog's popularity stays.
        """
        if self.parts.half_lives.mix is not None:
            self._trainer = replace(self._trainer, prior=self.parts.baseline(histories))

    def recommender(self, chosen: Chosen) -> Recommender:
        """The chosen parts as one module. Extractors that nothing reads are left out by the export."""
        return self._trainer.recommender(chosen)

    def _less_the_hidden(self, histories: Histories) -> tuple[Histories, Holdout | None]:
        """The rows the stages may see, and what was hidden for a ranker that learns from these very stages."""
        ranker = self._config.pipeline.ranker
        if ranker is None or RankerTrainer(self._trainer).portable(ranker):
            return histories, None
        return hide_for_ranker(histories, self._config.seed)

    def _half_lives(self, histories: Histories, validation: Holdout, board: Scoreboard) -> HalfLives:
        """Those of popularity that rank best, unless they are given or no times are known."""
        config = self._config
        if config.pipeline.popularity_half_life_days is not None or not histories.ages.any():
            return self.parts.half_lives
        windows = [(histories, validation)]
        if config.split.kind == "temporal":
            most, share = config.training.validation_users, config.split.validation
            windows += earlier_windows(histories, share, config.seed, most=most)
        return HalfLives(mix=best_mix(windows, board.same_for_all))
