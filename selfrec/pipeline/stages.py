"""Stage by stage: each part is trained, measured on the validation rows, and kept if it makes the lists better."""

from __future__ import annotations

from torch import Tensor

from selfrec.histories import Histories, Holdout
from selfrec.pipeline.choosing import GeneratorChoice
from selfrec.pipeline.chosen import Chosen, Stage
from selfrec.pipeline.features import Features
from selfrec.pipeline.generated import generated_histories, joined
from selfrec.pipeline.hiding import earlier_windows, hide_for_ranker, hide_newest
from selfrec.pipeline.measure import Measured
from selfrec.pipeline.nearness import far_half
from selfrec.pipeline.part_training import PartTrainer
from selfrec.pipeline.parts import Part
from selfrec.pipeline.pipeline_training import AUGMENTED, REFIT, SELECTION, PipelineTrainer
from selfrec.pipeline.prior import HalfLives, baseline, best_mix
from selfrec.pipeline.ranker_stage import Lesson, Place, RankerTrainer
from selfrec.pipeline.recency import EVEN, given
from selfrec.pipeline.recommender import Recommender
from selfrec.pipeline.scoreboard import Scoreboard, wins


class StageTrainer:
    """Trains the configured pipeline on some rows and chooses its stages on others."""

    def __init__(self, parts: PartTrainer, prior: Tensor) -> None:
        """prior float32[N]: a cold user's scores."""
        self.parts = parts
        self.tried = Chosen()
        """Every part trained in the selection, also those that did not win a place."""
        self._pipeline = parts.config.pipeline
        self._keep_all = self._pipeline.keep == "all"
        self._temporal = parts.config.split.kind == "temporal"
        parts.half_lives = HalfLives(given=self._pipeline.popularity_half_life_days)
        self._trainer = PipelineTrainer(parts, prior)
        self._board = Scoreboard(parts.device, parts.listener)
        self._ranking = RankerTrainer(parts, self.recommender, self._trainer.sizes)

    @property
    def table(self) -> list[Stage]:
        """The stages as they were measured, in order."""
        return self._board.table

    @property
    def prior(self) -> Tensor:
        """A cold user's scores, float32[N]."""
        return self._trainer.prior

    def select(self, histories: Histories, validation: Holdout | None) -> Chosen:
        """Train every configured stage; keep those that win on the validation rows (all, where there are none)."""
        histories, holdout = self._less_the_hidden(histories)
        timed, split = bool(histories.ages.any()), self.parts.config.split
        told = given(self._pipeline, timed=timed, drawn=split.kind in ("random", "users"))
        if validation is not None and not timed:
            self._board.far = far_half(histories, validation, self.parts.config.seed)
        choice = GeneratorChoice(self._trainer, self._board, recency_is_open=told is None)
        chosen = Chosen(recency=told or EVEN)
        if validation is not None:
            self._choose_half_lives(histories, validation)
            chosen.measured = self._popularity(histories, validation)
            self._board.row("popularity", chosen.measured)
        chosen.extractors = self.tried.extractors = self._trainer.extractors(SELECTION, histories, validation)
        for text in self._pipeline.generators:
            part = self._trainer.generator(SELECTION, text, chosen.extractors, histories, validation)
            self.tried.generators.append(part)
            self._add_generator(choice, chosen, part, validation)
        if validation is not None:
            choice.second_round(chosen, validation)
            choice.steady(chosen, histories, validation)
        if self.parts.config.training.augment > 0:
            chosen = self._augmented(choice, chosen, histories, validation)
        if self._pipeline.ranker is not None:
            self._add_ranker(chosen, self._pipeline.ranker, histories, holdout, validation)
        self._board.mark(chosen)
        return chosen

    def refit(self, chosen: Chosen, histories: Histories) -> Chosen:
        """Train the chosen stages anew on more rows, each for the number of epochs that was best."""
        histories, holdout = self._less_the_hidden(histories) if chosen.ranker is not None else (histories, None)
        rows = histories if chosen.generated is None else joined(histories, chosen.generated)
        like = SELECTION if chosen.generated is None else AUGMENTED
        again = self._trainer.again(REFIT, chosen, histories, like=like, rows=rows)
        if chosen.ranker is not None and holdout is not None:
            place, lesson = Place(again, histories, None), Lesson(again, histories, holdout)
            found = self._ranking.train(REFIT, chosen.ranker.text, lesson, place, like=SELECTION)
            again.ranker = None if found is None else found[0]
        elif chosen.ranker is not None:
            again.ranker = self._ranking.settle(chosen.ranker, again, histories)
        return again

    def settle_prior(self, histories: Histories) -> None:
        """Give cold users the popularity of these rows (all that the exported model may know), with the half-lives
        that were best; where none was chosen, the catalog's popularity stays.
        """
        if self.parts.half_lives.mix is not None:
            self._trainer.prior = self._baseline(histories)

    def recommender(self, chosen: Chosen) -> Recommender:
        """The chosen parts as one module. Extractors that nothing reads are left out by the export."""
        return self._trainer.recommender(chosen)

    # Generators

    def _add_generator(self, choice: GeneratorChoice, chosen: Chosen, part: Part, validation: Holdout | None) -> None:
        """Keep the generator if the lists get better, or where there is nothing to measure them on."""
        if validation is not None:
            choice.offer(chosen, part, validation)
            return
        chosen.generators.append(part)
        chosen.weights.append(self._pipeline.generator_weights.get(part.label, 1.0))

    def _augmented(
        self, choice: GeneratorChoice, chosen: Chosen, histories: Histories, validation: Holdout | None
    ) -> Chosen:
        """Train again with generated histories added (the GAN's other use); the better of the two pipelines."""
        makers = [part for part in chosen.generators if all(part.module is not e.module for e in chosen.extractors)]
        if not makers:
            self.parts.listener.message("augment: no generator is left that could make histories; skipped")
            return chosen
        features, config = Features(chosen.extractors, chosen.recency), self.parts.config
        share, seed = config.training.augment, config.seed
        generated = generated_histories(makers[-1], features, histories, share, seed, self.parts.device)
        extractors = self._trainer.extractors(AUGMENTED, joined(histories, generated), validation)
        other = Chosen(extractors=extractors, generated=generated, recency=chosen.recency)
        if validation is not None:
            other.measured = self._popularity(histories, validation)
        rows = len(self.table)
        for part in chosen.generators:
            again = self._trainer.generator(AUGMENTED, part.text, extractors, histories, validation)
            self._add_generator(choice, other, again, validation)
        for stage in self.table[rows:]:
            stage.name += " (augmented)"
        return other if self._keep_all or wins(other.measured, chosen.measured) else chosen

    # Ranker

    def _less_the_hidden(self, histories: Histories) -> tuple[Histories, Holdout | None]:
        """The rows the stages may see, and what was hidden for a ranker that learns from these very stages."""
        ranker = self._pipeline.ranker
        if ranker is None or self._ranking.portable(ranker):
            return histories, None
        return hide_for_ranker(histories, self.parts.config.seed)

    def _add_ranker(
        self, chosen: Chosen, text: str, histories: Histories, holdout: Holdout | None, validation: Holdout | None
    ) -> None:
        if not chosen.generators and not self._keep_all:
            self.parts.listener.message(f"ranker {text}: no generator was kept, nothing to rank; left out")
            return
        lesson = self._lesson(chosen, histories) if holdout is None else Lesson(chosen, histories, holdout)
        found = self._ranking.train(SELECTION, text, lesson, Place(chosen, histories, validation, self._board.far))
        if found is None:
            return
        part, measured = found
        if measured is None:
            chosen.ranker = part
            return
        self._board.row(f"+ {part.label}", measured)
        if self._keep_all or wins(measured, chosen.measured):
            chosen.ranker, chosen.measured = part, measured

    def _lesson(self, chosen: Chosen, histories: Histories) -> Lesson:
        """Apprentices of the chosen stages, and what was hidden from them."""
        config = self.parts.config
        if self._temporal:
            visible, holdout = hide_newest(histories, config.split.validation, config.seed)
        else:
            visible, holdout = hide_for_ranker(histories, config.seed)
        return Lesson(self._trainer.apprentices(chosen, visible), visible, holdout)

    # Popularity

    def _choose_half_lives(self, histories: Histories, validation: Holdout) -> None:
        if self._pipeline.popularity_half_life_days is not None or not histories.ages.any():
            return
        windows = [(histories, validation)]
        if self._temporal:
            config = self.parts.config
            most, share = config.training.validation_users, config.split.validation
            windows += earlier_windows(histories, share, config.seed, most=most)
        self.parts.half_lives = HalfLives(mix=best_mix(windows, self._board.same_for_all))

    def _baseline(self, histories: Histories) -> Tensor:
        return baseline(histories, self.parts.half_lives.days(histories))

    def _popularity(self, histories: Histories, validation: Holdout) -> Measured:
        return self._board.same_for_all(self._baseline(histories), validation)
