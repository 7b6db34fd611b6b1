"""Which generators make the lists better, with which weights, and how much old items of a history count."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from torch import Tensor

from selfrec.histories import Histories, Holdout
from selfrec.pipeline.batch import UserBatch
from selfrec.pipeline.chosen import Chosen
from selfrec.pipeline.combine import Pair, search_weight
from selfrec.pipeline.features import Features
from selfrec.pipeline.hiding import earlier_windows
from selfrec.pipeline.measure import Measured, ScoreAll
from selfrec.pipeline.parts import Part
from selfrec.pipeline.pipeline_training import PipelineTrainer
from selfrec.pipeline.recency import best
from selfrec.pipeline.scoreboard import Scoreboard, wins
from selfrec.pipeline.steady import steady_weights


@dataclass(frozen=True)
class Standing:
    """How the choice of generators stands after those offered so far."""

    chosen: Chosen
    benched: tuple[Part, ...] = ()
    """Generators that were tried and did not win a place while none was kept."""
    beaten: Chosen | None = None
    """The best two generators, where the second of them alone was better on the validation rows."""


class GeneratorChoice:
    """Measures generators on the validation rows. What is handed in stays as it is; what wins is returned."""

    def __init__(
        self,
        trainer: PipelineTrainer,
        board: Scoreboard,
        validation: Holdout,
        *,
        recency_is_open: bool,
        suffix: str = "",
    ) -> None:
        """suffix: of the names of the rows on the board."""
        self._trainer, self._board, self._validation = trainer, board, validation
        self._device, self._config = trainer.parts.device, trainer.parts.config
        self._pipeline = self._config.pipeline
        self._keep_all = self._pipeline.keep == "all"
        self._recency_is_open, self._suffix = recency_is_open, suffix

    def offer(self, standing: Standing, part: Part) -> Standing:
        """Find the generator's weight beside what is kept, and keep it if the lists get better."""
        before, first = standing.chosen, not standing.chosen.generators
        trials = self._trials(standing, part)
        richest = _richest(trials)
        self._row(" + ".join(p.label for p in richest.generators) if first else f"+ {part.label}", richest.measured)
        # The first pipeline stands against popularity, which knows no user: only one that is worse is left out.
        first_holds = first and not wins(before.measured, richest.measured)
        if not (self._keep_all or first_holds or wins(richest.measured, before.measured)):
            return replace(standing, benched=(*standing.benched, part)) if first else standing
        if not first:
            return replace(standing, chosen=richest)
        chosen = self._with_recency(richest) if self._recency_is_open else richest
        return replace(standing, chosen=chosen, beaten=_best_pair(trials[1:]) if len(richest.generators) == 1 else None)

    def second_round(self, standing: Standing) -> Standing:
        """Offer once more what lost before anything was kept, beside what is kept now; then choose the recency anew."""
        for part in standing.benched:
            if standing.chosen.generators and part not in standing.chosen.generators:
                standing = self.offer(standing, part)
        if self._recency_is_open and len(standing.chosen.generators) > 1:
            return replace(standing, chosen=self._with_recency(standing.chosen))
        return standing

    def steady(self, standing: Standing, histories: Histories) -> Chosen:
        """The pipeline with weights that hold in the window before the validation rows as well, where rows are split
        by time.

        A generator that did better alone on the validation rows gets its companion back where they are better together
        in that window: what everybody likes may win a single week, while what one user likes lasts.
        """
        config, chosen, wanted = self._config, standing.chosen, standing.chosen
        if len(chosen.generators) == 1 and standing.beaten is not None:
            wanted = replace(chosen, generators=standing.beaten.generators, weights=standing.beaten.weights)
        if config.split.kind != "temporal" or len(wanted.generators) < 2:
            return chosen
        most, share = config.training.validation_users, config.split.validation
        window = next(earlier_windows(histories, share, config.seed, most=most), None)
        if window is None:
            return chosen
        visible, holdout = window
        # The lesson of a portable ranker hides the same rows, so that it finds these apprentices trained.
        earlier = self._trainer.apprentices(wanted, visible)
        weights = steady_weights(
            [(wanted, self._validation), (earlier, holdout)], self._trainer.recommender, self._device,
            fixed=self._pipeline.generator_weights, forced=self._keep_all,
        )  # fmt: skip
        if wanted is not chosen and not self._better_together(replace(earlier, weights=weights), holdout):
            return chosen
        return chosen if weights == chosen.weights else self._with_weights(wanted, weights)

    def _with_weights(self, wanted: Chosen, weights: tuple[float, ...]) -> Chosen:
        """The pipeline with these weights; a generator of weight 0 is left out."""
        kept = [place for place, weight in enumerate(weights) if weight]
        steady = replace(
            wanted,
            generators=tuple(wanted.generators[place] for place in kept),
            weights=tuple(weights[place] for place in kept),
        )
        measured = self._measured(steady)
        self._row("+ weights of two windows", measured)
        return replace(steady, measured=measured)

    def _better_together(self, two: Chosen, holdout: Holdout) -> bool:
        """Whether two generators hit more than the second of them alone."""
        alone = replace(two, generators=two.generators[1:], weights=(1.0,))
        both, second = (
            self._board.measure(self._trainer.recommender(stages).generator_scores, holdout) for stages in (two, alone)
        )
        return wins(both, second)

    def _trials(self, standing: Standing, part: Part) -> list[Chosen]:
        """The pipelines that the generator can make: with what is kept; or, where nothing is kept yet, alone and
        beside each generator that did not win alone (an autoencoder may need popularity, and the other way round).
        """
        chosen, first = standing.chosen, not standing.chosen.generators
        given = self._pipeline.generator_weights.get(part.label)
        features, items = Features(chosen.extractors, chosen.recency), self._validation.inputs.n_items

        def new(batch: UserBatch) -> Tensor:
            return features.generate(part, batch, items)

        def with_part(base: Chosen, weight: float, measured: Measured) -> Chosen:
            generators, weights = (*base.generators, part), (*base.weights, weight)
            return replace(base, generators=generators, weights=weights, measured=measured)

        trials, bases = [], [chosen]
        if first:
            weight = 1.0 if given is None else given
            alone = self._board.measure(lambda batch: weight * new(batch), self._validation)
            trials.append(with_part(chosen, weight, alone))
            bases = [replace(chosen, generators=(benched,), weights=(1.0,)) for benched in standing.benched]
        for base in bases:
            before = self._trainer.recommender(base).generator_scores
            if given is not None:
                summed = self._board.measure(_sum(before, new, given), self._validation)
                trials.append(with_part(base, given, summed))
                continue
            found = search_weight(
                Pair(before, new, self._validation),
                self._device,
                forced=self._keep_all or first,
                far=self._board.far,
                least=self._far_off,
            )
            trials.append(with_part(base, found.weight, found.measured))
        return trials

    @property
    def _far_off(self) -> bool:
        """Whether the test rows may lie farther from the histories than the validation rows do: a column marks them,
        and the validation rows have no times to go by.
        """
        return self._board.far is not None and self._config.split.kind == "column"

    def _with_recency(self, chosen: Chosen) -> Chosen:
        """Let the older items of a history count less, where that makes the lists better or was asked for."""
        recency, figures = best(self._pipeline, lambda recency: self._measured(replace(chosen, recency=recency)))
        if recency == chosen.recency:
            return chosen
        self._row(f"+ {recency}", figures)
        if self._pipeline.recency != "auto" or wins(figures, chosen.measured):
            return replace(chosen, recency=recency, measured=figures)
        return chosen

    def _measured(self, chosen: Chosen) -> Measured:
        return self._board.measure(self._trainer.recommender(chosen).generator_scores, self._validation)

    def _row(self, name: str, measured: Measured | None) -> None:
        self._board.row(name + self._suffix, measured)


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
