"""Stage by stage: each part is trained, measured on the validation rows, and kept if it makes the lists better."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import islice

from torch import Tensor

from selfrec.histories import Histories, Holdout
from selfrec.host.records import Sizes
from selfrec.pipeline.batch import UserBatch
from selfrec.pipeline.chosen import Chosen, Stage
from selfrec.pipeline.combine import search_weight
from selfrec.pipeline.features import Features
from selfrec.pipeline.generated import generated_histories
from selfrec.pipeline.hiding import earlier_windows, hide_for_ranker, hide_newest, joined
from selfrec.pipeline.measure import Measured, ScoreAll, better, measure, rank_all
from selfrec.pipeline.nearness import far_half
from selfrec.pipeline.part_training import APPRENTICE, PartTrainer
from selfrec.pipeline.parts import Part, label_and_name
from selfrec.pipeline.prior import HalfLife, baseline, best_share
from selfrec.pipeline.ranker_stage import Lesson, Place, RankerTrainer
from selfrec.pipeline.recency import EVEN, Recency, best, given
from selfrec.pipeline.recommender import Recommender
from selfrec.pipeline.steady import steady_weights

__all__ = ["AUGMENTED", "REFIT", "SELECTION", "Chosen", "Stage", "StageTrainer"]

SELECTION, REFIT, AUGMENTED = "selection", "refit", "augmented"


class StageTrainer:
    """Trains the configured pipeline on some rows and chooses its stages on others."""

    def __init__(self, parts: PartTrainer, prior: Tensor) -> None:
        """prior float32[N]: a cold user's scores."""
        self.parts = parts
        self.prior = prior
        self._user_features, self._timed = 0, False
        self._recency_is_open = False
        self._far: Histories | None = None
        self.table: list[Stage] = []
        self.tried = Chosen()
        """Every part trained in the selection, also those that did not win a place."""
        self._pipeline = parts.config.pipeline
        self._keep_all = self._pipeline.keep == "all"
        self._temporal = parts.config.split.kind == "temporal"
        parts.half_life = HalfLife(given=self._pipeline.popularity_half_life_days)
        self.ranking = RankerTrainer(parts, self.recommender, self._sizes)

    def select(self, histories: Histories, validation: Holdout | None) -> Chosen:
        """Train every configured stage; keep those that win on the validation rows (all, where there are none)."""
        histories, holdout = self._less_the_hidden(histories)
        timed = bool(histories.ages.any())
        told = given(self._pipeline, timed=timed, drawn=self.parts.config.split.kind in ("random", "users"))
        self._recency_is_open = told is None
        self._far = None if validation is None or timed else far_half(histories, validation, self.parts.config.seed)
        chosen = Chosen(recency=told or EVEN)
        if validation is not None:
            self._choose_half_life(histories, validation)
            chosen.measured = self._popularity(histories, validation)
            self._row("popularity", chosen.measured)
        extractors = self._train_extractors(SELECTION, histories, validation)
        chosen.extractors = extractors
        self.tried.extractors = extractors
        for text in self._pipeline.generators:
            self._add_generator(chosen, text, histories, validation)
        if validation is not None:
            self._second_round(chosen, validation)
            self._steady(chosen, histories, validation)
        if self.parts.config.training.augment > 0:
            chosen = self._augmented(chosen, histories, validation)
        if self._pipeline.ranker is not None:
            self._add_ranker(chosen, self._pipeline.ranker, histories, holdout, validation)
        self._mark(chosen)
        return chosen

    def refit(self, chosen: Chosen, histories: Histories) -> Chosen:
        """Train the chosen stages anew on more rows, each for the number of epochs that was best."""
        histories, holdout = self._less_the_hidden(histories) if chosen.ranker is not None else (histories, None)
        rows = histories if chosen.generated is None else joined(histories, chosen.generated)
        like = SELECTION if chosen.generated is None else AUGMENTED
        alone = not chosen.generators and chosen.ranker is None
        extractors = [] if alone else self._train_extractors(REFIT, rows, None, like=like)
        again = Chosen(extractors=extractors, weights=list(chosen.weights), recency=chosen.recency)
        for part in chosen.generators:
            again.generators.append(self._generator(REFIT, _text(part), extractors, histories, None, like=like))
        if chosen.ranker is not None and holdout is not None:
            place = Place(again, histories, None)
            found = self.ranking.train(
                REFIT, _text(chosen.ranker), Lesson(again, histories, holdout), place, like=SELECTION
            )
            again.ranker = None if found is None else found[0]
        elif chosen.ranker is not None:
            again.ranker = self.ranking.settle(chosen.ranker, again, histories)
        return again

    def settle_prior(self, histories: Histories) -> None:
        """Give cold users the popularity of these rows (all that the exported model may know), with the half-life
        that was best; where none was chosen, the catalog's popularity stays.
        """
        if self.parts.half_life.share is not None:
            self.prior = self._baseline(histories)

    def recommender(self, chosen: Chosen) -> Recommender:
        """The chosen parts as one module. Extractors that nothing reads are left out by the export."""
        return Recommender(
            extractors=chosen.extractors,
            generators=chosen.generators,
            weights=chosen.weights,
            recency=chosen.recency,
            ranker=chosen.ranker,
            prior=self.prior,
            candidates=self._pipeline.candidates,
            top_k=self._pipeline.top_k,
            user_features=self._user_features,
            ages=self._timed,
        ).to(self.parts.device)

    # Extractors

    def _train_extractors(
        self, phase: str, histories: Histories, validation: Holdout | None, *, like: str | None = None
    ) -> list[Part]:
        sizes = self._sizes(histories)
        trained: list[Part] = []
        for text in self._pipeline.extractors:
            part = self.parts.build("extractor", text, sizes)
            self.parts.train(phase, part, sizes, histories, validation, Features([]), like=like)
            trained.append(part)
        return trained

    # Generators

    def _generator(
        self,
        phase: str,
        text: str,
        extractors: Sequence[Part],
        histories: Histories,
        validation: Holdout | None,
        *,
        like: str | None = None,
    ) -> Part:
        label, _ = label_and_name(text)
        shared = next((part for part in extractors if part.label == label), None)
        features = Features(extractors)
        sizes = self._sizes(histories, features=features.width)
        part = self.parts.build("generator", text, sizes, shared=shared)
        if shared is None or part.module is not shared.module:
            self.parts.train(phase, part, sizes, histories, validation, features, like=like)
        return part

    def _add_generator(
        self,
        chosen: Chosen,
        text: str,
        histories: Histories,
        validation: Holdout | None,
        *,
        phase: str = SELECTION,
    ) -> None:
        """Train the generator, and keep it if the lists get better."""
        part = self._generator(phase, text, chosen.extractors, histories, validation)
        if phase == SELECTION:
            self.tried.generators.append(part)
        if validation is not None:
            self._offer(chosen, part, validation)
            return
        chosen.generators.append(part)
        chosen.weights.append(self._pipeline.generator_weights.get(part.label, 1.0))

    def _offer(self, chosen: Chosen, part: Part, validation: Holdout) -> None:
        """Find the generator's weight beside what is kept, and keep it if the lists get better."""
        trials = self._trials(chosen, part, validation)
        richest = _richest(trials)
        first = not chosen.generators
        self._row(" + ".join(p.label for p in richest.generators) if first else f"+ {part.label}", richest.measured)
        # The first pipeline stands against popularity, which knows no user: it has to be worse to be left out.
        first_holds = first and not _wins(chosen.measured, richest.measured)
        if self._keep_all or first_holds or _wins(richest.measured, chosen.measured):
            chosen.generators, chosen.weights = richest.generators, richest.weights
            chosen.measured = richest.measured
            if first and self._recency_is_open:
                self._choose_recency(chosen, validation)
        elif first:
            chosen.benched.append(part)

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
            trials.append((chosen, weight, self._measure(lambda batch: weight * new(batch), validation)))
        for base in bases:
            before = self.recommender(base).generator_scores
            if given is None:
                forced = self._keep_all or not chosen.generators
                found = search_weight(
                    before, new, validation, self.parts.device, forced=forced, far=self._far, least=self._far_off
                )
                trials.append((base, found.weight, found.measured))
            else:
                trials.append((base, given, self._measure(_sum(before, new, given), validation)))
        return [
            Chosen(generators=[*base.generators, part], weights=[*base.weights, weight], measured=measured)
            for base, weight, measured in trials
        ]

    @property
    def _far_off(self) -> bool:
        """Whether the test rows may lie farther from the histories than the validation rows do: a column marks them,
        and the validation rows have no times to go by.
        """
        return self._far is not None and self.parts.config.split.kind == "column"

    def _second_round(self, chosen: Chosen, validation: Holdout) -> None:
        """What lost before anything was kept is tried beside what is kept now, and then the recency with all of it."""
        for part in [part for part in chosen.benched if chosen.generators and part not in chosen.generators]:
            self._offer(chosen, part, validation)
        if self._recency_is_open and len(chosen.generators) > 1:
            self._choose_recency(chosen, validation)

    def _choose_recency(self, chosen: Chosen, validation: Holdout) -> None:
        """Let the older items of a history count less, where that makes the lists better or was asked for."""

        def measured(recency: Recency) -> Measured:
            return self._measure(self.recommender(replace(chosen, recency=recency)).generator_scores, validation)

        recency, figures = best(self._pipeline, measured)
        if recency == chosen.recency:
            return
        self._row(f"+ {recency}", figures)
        if self._pipeline.recency != "auto" or _wins(figures, chosen.measured):
            chosen.recency, chosen.measured = recency, figures

    def _steady(self, chosen: Chosen, histories: Histories, validation: Holdout) -> None:
        """Choose the weights on the window before the validation rows as well, where rows are split by time."""
        config, fixed = self.parts.config, self._pipeline.generator_weights
        if not self._temporal or len(chosen.generators) < 2:
            return
        most, share = config.training.validation_users, config.split.validation
        # The lesson of a portable ranker hides the same rows, so that it finds these apprentices trained.
        for visible, holdout in islice(earlier_windows(histories, share, config.seed, most=most), 1):
            windows = [(chosen, validation), (self._apprentices(chosen, visible), holdout)]
            weights = steady_weights(windows, self.recommender, self.parts.device, fixed=fixed, forced=self._keep_all)
            if weights != chosen.weights:
                kept = [place for place, weight in enumerate(weights) if weight]
                chosen.generators = [chosen.generators[place] for place in kept]
                chosen.weights = [weights[place] for place in kept]
                chosen.measured = self._measure(self.recommender(chosen).generator_scores, validation)
                self._row("+ weights of two windows", chosen.measured)

    # Augmentation

    def _augmented(self, chosen: Chosen, histories: Histories, validation: Holdout | None) -> Chosen:
        """Train again with generated histories added (the GAN's other use); the better of the two pipelines."""
        makers = [part for part in chosen.generators if all(part.module is not e.module for e in chosen.extractors)]
        if not makers:
            self.parts.listener.message("augment: no generator is left that could make histories; skipped")
            return chosen
        features, config = Features(chosen.extractors, chosen.recency), self.parts.config
        share, seed = config.training.augment, config.seed
        generated = generated_histories(makers[-1], features, histories, share, seed, self.parts.device)
        extractors = self._train_extractors(AUGMENTED, joined(histories, generated), validation)
        other = Chosen(extractors=extractors, generated=generated, recency=chosen.recency)
        if validation is not None:
            other.measured = self._popularity(histories, validation)
        rows = len(self.table)
        for text in map(_text, chosen.generators):
            self._add_generator(other, text, histories, validation, phase=AUGMENTED)
        for stage in self.table[rows:]:
            stage.name += " (augmented)"
        return other if self._keep_all or _wins(other.measured, chosen.measured) else chosen

    # Ranker

    def _less_the_hidden(self, histories: Histories) -> tuple[Histories, Holdout | None]:
        """The rows the stages may see, and what was hidden for a ranker that learns from these very stages."""
        ranker = self._pipeline.ranker
        if ranker is None or self.ranking.portable(ranker):
            return histories, None
        return hide_for_ranker(histories, self.parts.config.seed)

    def _add_ranker(
        self, chosen: Chosen, text: str, histories: Histories, holdout: Holdout | None, validation: Holdout | None
    ) -> None:
        if not chosen.generators and not self._keep_all:
            self.parts.listener.message(f"ranker {text}: no generator was kept, nothing to rank; left out")
            return
        lesson = self._lesson(chosen, histories) if holdout is None else Lesson(chosen, histories, holdout)
        found = self.ranking.train(SELECTION, text, lesson, Place(chosen, histories, validation, self._far))
        if found is None:
            return
        part, measured = found
        if measured is None:
            chosen.ranker = part
            return
        self._row(f"+ {part.label}", measured)
        if self._keep_all or _wins(measured, chosen.measured):
            chosen.ranker, chosen.measured = part, measured

    def _lesson(self, chosen: Chosen, histories: Histories) -> Lesson:
        """Apprentices of the chosen stages, and what was hidden from them."""
        config = self.parts.config
        if config.split.kind == "temporal":
            visible, holdout = hide_newest(histories, config.split.validation, config.seed)
        else:
            visible, holdout = hide_for_ranker(histories, config.seed)
        return Lesson(self._apprentices(chosen, visible), visible, holdout)

    def _apprentices(self, chosen: Chosen, visible: Histories) -> Chosen:
        """The chosen stages, trained on these rows alone."""
        like = SELECTION if chosen.generated is None else AUGMENTED
        extractors = self._train_extractors(APPRENTICE, visible, None, like=like)
        stages = Chosen(extractors=extractors, weights=list(chosen.weights), recency=chosen.recency)
        for part in chosen.generators:
            stages.generators.append(self._generator(APPRENTICE, _text(part), extractors, visible, None, like=like))
        return stages

    # The table

    def _choose_half_life(self, histories: Histories, validation: Holdout) -> None:
        if self._pipeline.popularity_half_life_days is not None or not histories.ages.any():
            return
        windows = [(histories, validation)]
        if self._temporal:
            config = self.parts.config
            most, share = config.training.validation_users, config.split.validation
            windows += earlier_windows(histories, share, config.seed, most=most)
        self.parts.half_life = HalfLife(share=best_share(windows, self._same_for_all))

    def _baseline(self, histories: Histories) -> Tensor:
        return baseline(histories, self.parts.half_life.days(histories))

    def _popularity(self, histories: Histories, validation: Holdout) -> Measured:
        return self._same_for_all(self._baseline(histories), validation)

    def _same_for_all(self, scores: Tensor, validation: Holdout) -> Measured:
        scores = scores.to(self.parts.device)
        return self._measure(lambda batch: scores.expand(len(batch.history), -1), validation)

    def _measure(self, score: ScoreAll, validation: Holdout) -> Measured:
        return measure(rank_all(score, validation, self.parts.device), validation.targets, self._far)

    def _row(self, name: str, measured: Measured | None) -> None:
        metrics = {} if measured is None else measured.metrics
        self.table.append(Stage(name, metrics))
        self.parts.listener.stage(name, metrics)

    def _mark(self, chosen: Chosen) -> None:
        """Mark the row of the pipeline that is exported."""
        for stage in self.table:
            stage.kept = chosen.measured is not None and stage.metrics is chosen.measured.metrics

    def _sizes(self, histories: Histories, *, features: int = 0, generators: int = 0, candidates: int = 0) -> Sizes:
        columns = self.parts.item_features
        self._user_features = 0 if histories.user_features is None else histories.user_features.shape[1]
        self._timed = self._timed or bool(histories.ages.any())
        return Sizes(
            items=histories.n_items,
            features=features,
            generators=generators,
            candidates=candidates,
            user_features=self._user_features,
            ages=self._timed,
            item_features=0 if columns is None else columns.shape[1],
        )


def _sum(before: ScoreAll, new: ScoreAll, weight: float) -> ScoreAll:
    return lambda batch: before(batch) + weight * new(batch)


def _richest(trials: Sequence[Chosen]) -> Chosen:
    """The best of the trials with two generators, unless the generator alone is better by more than chance."""
    alone, *pairs = trials
    if not pairs:
        return alone
    pair = max(pairs, key=_ndcg)
    return alone if _wins(alone.measured, pair.measured) else pair


def _ndcg(chosen: Chosen) -> float:
    return 0.0 if chosen.measured is None else chosen.measured.metrics["ndcg@20"]


def _wins(new: Measured | None, old: Measured | None) -> bool:
    return old is None or (new is not None and better(new, old))


def _text(part: Part) -> str:
    """How the configuration names the part."""
    return part.label if part.label == part.record.name else f"{part.label}:{part.record.name}"
