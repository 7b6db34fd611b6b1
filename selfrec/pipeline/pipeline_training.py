"""The parts of a pipeline, built and trained on some rows. Nothing is chosen here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from torch import Tensor

from selfrec.histories import Histories, Holdout
from selfrec.host.records import Sizes
from selfrec.pipeline.chosen import Chosen
from selfrec.pipeline.features import Features
from selfrec.pipeline.part_training import APPRENTICE, PartTrainer, TrainingRows
from selfrec.pipeline.parts import Part
from selfrec.pipeline.prior import HalfLives
from selfrec.pipeline.recommender import Recommender
from selfrec.settings.config import label_and_name

SELECTION, REFIT, AUGMENTED = "selection", "refit", "augmented"
"""Phases of a fit: to choose the stages, to train those chosen on all rows, to choose with generated rows as well."""


@dataclass(frozen=True)
class PipelineTrainer:
    """Trains extractors and generators by phase, and puts what was chosen together as one module."""

    parts: PartTrainer
    prior: Tensor
    """A cold user's scores, float32[N]."""
    user_features: int = 0
    """U of the rows."""
    timed: bool = False
    """Whether their events have times."""

    def for_rows(self, histories: Histories) -> PipelineTrainer:
        """The trainer of parts that are built for such rows."""
        columns = 0 if histories.user_features is None else histories.user_features.shape[1]
        return replace(self, user_features=columns, timed=self.timed or bool(histories.ages.any()))

    def with_half_lives(self, half_lives: HalfLives) -> PipelineTrainer:
        """The trainer that tells parts of these half-lives of popularity. What was trained stays known to both."""
        return replace(self, parts=replace(self.parts, half_lives=half_lives))

    def recommender(self, chosen: Chosen) -> Recommender:
        """The chosen parts as one module. Extractors that nothing reads are left out by the export."""
        pipeline = self.parts.config.pipeline
        return Recommender(
            chosen,
            prior=self.prior,
            candidates=pipeline.candidates,
            top_k=pipeline.top_k,
            user_features=self.user_features,
            ages=self.timed,
        ).to(self.parts.device)

    def extractors(
        self, phase: str, histories: Histories, validation: Holdout | None, *, like: str | None = None
    ) -> tuple[Part, ...]:
        """All configured extractors; `like` names the phase whose best epoch counts are run again."""
        sizes = self.sizes(histories)
        trained: list[Part] = []
        for text in self.parts.config.pipeline.extractors:
            part = self.parts.build("extractor", text, sizes)
            rows = TrainingRows(histories=histories, validation=validation)
            self.parts.train(phase, part, sizes, rows, like=like)
            trained.append(part)
        return tuple(trained)

    def generator(
        self,
        phase: str,
        text: str,
        extractors: Sequence[Part],
        histories: Histories,
        validation: Holdout | None,
        *,
        like: str | None = None,
    ) -> Part:
        """The generator that `text` names: the other face of an extractor, or trained on the extractors' features."""
        label, _ = label_and_name(text)
        shared = next((part for part in extractors if part.label == label), None)
        features = Features(extractors)
        sizes = self.sizes(histories, features=features.width)
        part = self.parts.build("generator", text, sizes, shared=shared)
        if shared is None or part.module is not shared.module:
            rows = TrainingRows(histories=histories, validation=validation, features_of=features)
            self.parts.train(phase, part, sizes, rows, like=like)
        return part

    def again(
        self, phase: str, chosen: Chosen, visible: Histories, *, like: str, rows: Histories | None = None
    ) -> Chosen:
        """The chosen stages but for the ranker, trained anew on these rows, each for the epochs that were best.

        rows: what extractors are trained on instead.
        """
        alone = phase == REFIT and not chosen.generators and chosen.ranker is None
        extractors = () if alone else self.extractors(phase, visible if rows is None else rows, None, like=like)
        generators = [
            self.generator(phase, part.text, extractors, visible, None, like=like) for part in chosen.generators
        ]
        return Chosen(
            extractors=extractors, generators=tuple(generators), weights=chosen.weights, recency=chosen.recency
        )

    def apprentices(self, chosen: Chosen, visible: Histories) -> Chosen:
        """The chosen stages, trained on these rows alone."""
        return self.again(APPRENTICE, chosen, visible, like=SELECTION if chosen.generated is None else AUGMENTED)

    def sizes(self, histories: Histories, *, features: int = 0, generators: int = 0, candidates: int = 0) -> Sizes:
        """What a part is built for on these rows."""
        columns = self.parts.item_features
        return Sizes(
            items=histories.n_items,
            features=features,
            generators=generators,
            candidates=candidates,
            user_features=self.user_features,
            ages=self.timed,
            item_features=0 if columns is None else columns.shape[1],
        )
