"""The selection, step by step: each part is trained, measured on the validation rows, and kept if lists get better.

    popularity -> extractors -> one generator after the other -> (all again with generated rows) -> ranker

Every step takes the pipeline as it stands and returns the one that won. Without validation rows everything is kept.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from selfrec.histories import Histories, Holdout
from selfrec.pipeline.choosing import GeneratorChoice, Standing
from selfrec.pipeline.chosen import Chosen
from selfrec.pipeline.features import Features
from selfrec.pipeline.generated import generated_histories, joined
from selfrec.pipeline.hiding import hide_for_ranker, hide_newest
from selfrec.pipeline.measure import Measured
from selfrec.pipeline.parts import Part
from selfrec.pipeline.pipeline_training import AUGMENTED, SELECTION, PipelineTrainer
from selfrec.pipeline.ranker_stage import Destination, Lesson, RankerTrainer
from selfrec.pipeline.recency import EVEN, given
from selfrec.pipeline.scoreboard import Scoreboard, Stage, wins


@dataclass(frozen=True)
class Rows:
    """What a selection goes by."""

    histories: Histories
    """What the stages are trained on."""
    hidden: Holdout | None
    """What was hidden of these rows for a ranker that learns from these very stages; None for any other."""
    validation: Holdout | None
    """What they are measured on."""


@dataclass(frozen=True)
class Selected:
    """What a selection comes to."""

    chosen: Chosen
    table: tuple[Stage, ...] = ()
    """The stages as they were measured, in order."""
    tried: tuple[tuple[Part, Features], ...] = ()
    """Every generator that was trained, also those that did not win a place, and the features it was given."""


class Selection:
    """One run through the stages."""

    def __init__(self, trainer: PipelineTrainer, board: Scoreboard, rows: Rows) -> None:
        self._trainer, self._board, self._rows = trainer, board, rows
        self._parts, self._config = trainer.parts, trainer.parts.config
        self._pipeline = self._config.pipeline
        self._keep_all = self._pipeline.keep == "all"
        timed, drawn = bool(rows.histories.ages.any()), self._config.split.kind in ("random", "users")
        self._recency = given(self._pipeline, timed=timed, drawn=drawn)
        """As the options have it; None where it is to be chosen."""

    def run(self) -> Selected:
        """Train every configured stage; keep those that win."""
        rows, choice = self._rows, self._choice()
        measured = self._popularity()
        if measured is not None:
            self._board.row("popularity", measured)
        extractors = self._trainer.extractors(SELECTION, rows.histories, rows.validation)
        standing = Standing(Chosen(extractors=extractors, recency=self._recency or EVEN, measured=measured))
        tried: list[tuple[Part, Features]] = []
        for text in self._pipeline.generators:
            part = self._trainer.generator(SELECTION, text, extractors, rows.histories, rows.validation)
            tried.append((part, Features(extractors)))
            standing = self._offered(choice, standing, part)
        chosen = standing.chosen
        if choice is not None:
            chosen = choice.steady(choice.second_round(standing), rows.histories)
        if self._config.training.augment > 0:
            chosen = self._augmented(chosen)
        if self._pipeline.ranker is not None:
            chosen = self._ranked(chosen, self._pipeline.ranker)
        return Selected(chosen, self._board.table(chosen.measured), tuple(tried))

    def _popularity(self) -> Measured | None:
        """What every pipeline stands against: the same list for all users."""
        rows = self._rows
        if rows.validation is None:
            return None
        return self._board.same_for_all(self._parts.baseline(rows.histories), rows.validation)

    def _choice(self, suffix: str = "") -> GeneratorChoice | None:
        """What chooses; None where there are no rows to choose on."""
        if self._rows.validation is None:
            return None
        is_open = self._recency is None
        return GeneratorChoice(
            self._trainer, self._board, self._rows.validation, recency_is_open=is_open, suffix=suffix
        )

    def _offered(self, choice: GeneratorChoice | None, standing: Standing, part: Part) -> Standing:
        if choice is not None:
            return choice.offer(standing, part)
        chosen, weight = standing.chosen, self._pipeline.generator_weights.get(part.label, 1.0)
        chosen = replace(chosen, generators=(*chosen.generators, part), weights=(*chosen.weights, weight))
        return replace(standing, chosen=chosen)

    def _augmented(self, chosen: Chosen) -> Chosen:
        """Train again with generated histories added (the GAN's other use); the better of the two pipelines."""
        rows, config = self._rows, self._config
        makers = [part for part in chosen.generators if all(part.module is not e.module for e in chosen.extractors)]
        if not makers:
            self._parts.listener.message("augment: no generator is left that could make histories; skipped")
            return chosen
        features = Features(chosen.extractors, chosen.recency)
        generated = generated_histories(
            makers[-1], features, rows.histories, config.training.augment, config.seed, self._parts.device
        )
        extractors = self._trainer.extractors(AUGMENTED, joined(rows.histories, generated), rows.validation)
        start = Chosen(extractors=extractors, generated=generated, recency=chosen.recency, measured=self._popularity())
        choice, standing = self._choice(" (augmented)"), Standing(start)
        for old in chosen.generators:
            part = self._trainer.generator(AUGMENTED, old.text, extractors, rows.histories, rows.validation)
            standing = self._offered(choice, standing, part)
        return standing.chosen if self._keep_all or wins(standing.chosen.measured, chosen.measured) else chosen

    def _ranked(self, chosen: Chosen, text: str) -> Chosen:
        """With the ranker that `text` names, if it puts the candidates in a better order."""
        rows, ranking = self._rows, RankerTrainer(self._trainer)
        if not chosen.generators and not self._keep_all:
            self._parts.listener.message(f"ranker {text}: no generator was kept, nothing to rank; left out")
            return chosen
        lesson = self._lesson(chosen) if rows.hidden is None else Lesson(chosen, rows.histories, rows.hidden)
        destination = Destination(chosen, rows.histories, rows.validation, self._board.far)
        found = ranking.train(SELECTION, text, lesson, destination)
        if found is None:
            return chosen
        part, measured = found
        if measured is None:
            return replace(chosen, ranker=part)
        self._board.row(f"+ {part.label}", measured)
        if self._keep_all or wins(measured, chosen.measured):
            return replace(chosen, ranker=part, measured=measured)
        return chosen

    def _lesson(self, chosen: Chosen) -> Lesson:
        """Apprentices of the chosen stages, and what was hidden from them."""
        config, histories = self._config, self._rows.histories
        if config.split.kind == "temporal":
            visible, holdout = hide_newest(histories, config.split.validation, config.seed)
        else:
            visible, holdout = hide_for_ranker(histories, config.seed)
        return Lesson(self._trainer.apprentices(chosen, visible), visible, holdout)
