"""Which generators make the lists better, with which weights, and how much old items of a history count."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import islice

from torch import Tensor

from selfrec.histories import Histories, Holdout
from selfrec.pipeline.batch import UserBatch
from selfrec.pipeline.chosen import Chosen
from selfrec.pipeline.combine import search_weight
from selfrec.pipeline.features import Features
from selfrec.pipeline.hiding import earlier_windows
from selfrec.pipeline.measure import Measured, ScoreAll
from selfrec.pipeline.parts import Part
from selfrec.pipeline.pipeline_training import PipelineTrainer
from selfrec.pipeline.recency import Recency, best
from selfrec.pipeline.scoreboard import Scoreboard, wins
from selfrec.pipeline.steady import steady_weights


class GeneratorChoice:
    """Changes a `Chosen` in place: what wins on the validation rows is in it afterwards."""

    def __init__(self, trainer: PipelineTrainer, board: Scoreboard, *, recency_is_open: bool) -> None:
        self._trainer, self._board = trainer, board
        self._device, self._config = trainer.parts.device, trainer.parts.config
        self._pipeline = self._config.pipeline
        self._keep_all = self._pipeline.keep == "all"
        self._recency_is_open = recency_is_open
        self._beaten: Chosen | None = None
        """The best two generators, where the second of them alone was better on the validation rows."""

    def offer(self, chosen: Chosen, part: Part, validation: Holdout) -> None:
        """Find the generator's weight beside what is kept, and keep it if the lists get better."""
        trials = self._trials(chosen, part, validation)
        richest = _richest(trials)
        first = not chosen.generators
        name = " + ".join(p.label for p in richest.generators) if first else f"+ {part.label}"
        self._board.row(name, richest.measured)
        # The first pipeline stands against popularity, which knows no user: it has to be worse to be left out.
        first_holds = first and not wins(chosen.measured, richest.measured)
        if self._keep_all or first_holds or wins(richest.measured, chosen.measured):
            chosen.generators, chosen.weights = richest.generators, richest.weights
            chosen.measured = richest.measured
            if first and len(richest.generators) == 1:
                self._beaten = _best_pair(trials[1:])
            if first and self._recency_is_open:
                self._choose_recency(chosen, validation)
        elif first:
            chosen.benched.append(part)

    def second_round(self, chosen: Chosen, validation: Holdout) -> None:
        """What lost before anything was kept is tried beside what is kept now, and then the recency with all of it."""
        for part in [part for part in chosen.benched if chosen.generators and part not in chosen.generators]:
            self.offer(chosen, part, validation)
        if self._recency_is_open and len(chosen.generators) > 1:
            self._choose_recency(chosen, validation)

    def steady(self, chosen: Chosen, histories: Histories, validation: Holdout) -> None:
        """Choose the weights on the window before the validation rows as well, where rows are split by time.

        A generator that did better alone on the validation rows gets its companion back where they are better together
        in that window: what everyone likes hits most in some weeks, and what one user likes goes on.
        """
        config, wanted = self._config, chosen
        if len(chosen.generators) == 1 and self._beaten is not None:
            wanted = replace(chosen, generators=self._beaten.generators, weights=self._beaten.weights)
        if config.split.kind != "temporal" or len(wanted.generators) < 2:
            return
        most, share, recommender = config.training.validation_users, config.split.validation, self._trainer.recommender
        # The lesson of a portable ranker hides the same rows, so that it finds these apprentices trained.
        for visible, holdout in islice(earlier_windows(histories, share, config.seed, most=most), 1):
            earlier = self._trainer.apprentices(wanted, visible)
            windows = [(wanted, validation), (earlier, holdout)]
            fixed = self._pipeline.generator_weights
            weights = steady_weights(windows, recommender, self._device, fixed=fixed, forced=self._keep_all)
            if wanted is not chosen and not self._better_together(replace(earlier, weights=weights), holdout):
                continue
            if weights != chosen.weights:
                kept = [place for place, weight in enumerate(weights) if weight]
                chosen.generators = [wanted.generators[place] for place in kept]
                chosen.weights = [weights[place] for place in kept]
                chosen.measured = self._board.measure(recommender(chosen).generator_scores, validation)
                self._board.row("+ weights of two windows", chosen.measured)

    def _better_together(self, two: Chosen, holdout: Holdout) -> bool:
        """Whether two generators hit more than the second of them alone."""
        alone = replace(two, generators=two.generators[1:], weights=[1.0])
        both, second = (
            self._board.measure(self._trainer.recommender(stages).generator_scores, holdout) for stages in (two, alone)
        )
        return wins(both, second)

    def _trials(self, chosen: Chosen, part: Part, validation: Holdout) -> list[Chosen]:
        """The pipelines that the generator can make: with what is kept; or, where nothing is kept yet, alone and
        beside each generator that did not win alone (an autoencoder may need popularity, and the other way round).
        """
        given = self._pipeline.generator_weights.get(part.label)
        features, items = Features(chosen.extractors, chosen.recency), validation.inputs.n_items

        def new(batch: UserBatch) -> Tensor:
            return features.generate(part, batch, items)

        bases = (
            [chosen] if chosen.generators else [replace(chosen, generators=[p], weights=[1.0]) for p in chosen.benched]
        )
        trials = []
        if not chosen.generators:
            weight = 1.0 if given is None else given
            trials.append((chosen, weight, self._board.measure(lambda batch: weight * new(batch), validation)))
        for base in bases:
            before = self._trainer.recommender(base).generator_scores
            if given is None:
                found = search_weight(
                    before, new, validation, self._device,
                    forced=self._keep_all or not chosen.generators, far=self._board.far, least=self._far_off,
                )  # fmt: skip
                trials.append((base, found.weight, found.measured))
            else:
                trials.append((base, given, self._board.measure(_sum(before, new, given), validation)))
        return [
            Chosen(generators=[*base.generators, part], weights=[*base.weights, weight], measured=measured)
            for base, weight, measured in trials
        ]

    @property
    def _far_off(self) -> bool:
        """Whether the test rows may lie farther from the histories than the validation rows do: a column marks them,
        and the validation rows have no times to go by.
        """
        return self._board.far is not None and self._config.split.kind == "column"

    def _choose_recency(self, chosen: Chosen, validation: Holdout) -> None:
        """Let the older items of a history count less, where that makes the lists better or was asked for."""

        def measured(recency: Recency) -> Measured:
            recommender = self._trainer.recommender(replace(chosen, recency=recency))
            return self._board.measure(recommender.generator_scores, validation)

        recency, figures = best(self._pipeline, measured)
        if recency == chosen.recency:
            return
        self._board.row(f"+ {recency}", figures)
        if self._pipeline.recency != "auto" or wins(figures, chosen.measured):
            chosen.recency, chosen.measured = recency, figures


def _sum(before: ScoreAll, new: ScoreAll, weight: float) -> ScoreAll:
    return lambda batch: before(batch) + weight * new(batch)


def _richest(trials: Sequence[Chosen]) -> Chosen:
    """The best of the trials with two generators, unless the generator alone is better by more than chance."""
    alone, *pairs = trials
    pair = _best_pair(pairs)
    return alone if pair is None or wins(alone.measured, pair.measured) else pair


def _best_pair(pairs: Sequence[Chosen]) -> Chosen | None:
    """The first one, which has the generator that comes first in the options, until another is better by more than
    chance.
    """
    best: Chosen | None = None
    for pair in pairs:
        if best is None or wins(pair.measured, best.measured):
            best = pair
    return best
