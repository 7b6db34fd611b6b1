"""The ranker's training: on items that the stages which scored them have not seen."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor, nn

from selfrec.histories import Histories, Holdout
from selfrec.host.records import Ranker, Sizes
from selfrec.pipeline.candidate_rows import candidate_rows, rank_candidates
from selfrec.pipeline.chosen import Chosen
from selfrec.pipeline.features import Features
from selfrec.pipeline.fitting import Validate
from selfrec.pipeline.measure import Measured, measure
from selfrec.pipeline.part_building import part_options
from selfrec.pipeline.part_training import TrainingRows
from selfrec.pipeline.parts import Part
from selfrec.pipeline.pipeline_training import PipelineTrainer
from selfrec.settings.config import label_and_name, part_table


@dataclass(frozen=True)
class Lesson:
    """What a ranker learns from."""

    stages: Chosen
    """Stages that were trained on the rows below and score the candidates."""
    histories: Histories
    """All rows with what stayed visible."""
    holdout: Holdout
    """Some of these rows, and what was hidden of them."""


@dataclass(frozen=True)
class Destination:
    """What a ranker is trained for: the stages whose candidates it will order."""

    stages: Chosen
    histories: Histories
    """The rows these stages were trained on."""
    validation: Holdout | None
    far: Histories | None = None
    """Its targets that the ranker may not make worse."""


class RankerTrainer:
    """Trains rankers, and tells portable ones what is known of the items where they come to stand."""

    def __init__(self, trainer: PipelineTrainer) -> None:
        self._trainer, self._parts = trainer, trainer.parts

    def portable(self, text: str) -> bool:
        """Whether the ranker that `text` names learns from other stages than it ranks for."""
        label, name = label_and_name(text)
        record = self._parts.records.get("ranker", name)
        options = part_options(record, label, [part_table(self._parts.config, "ranker", label)])
        return isinstance(record, Ranker) and record.portable_with(options)

    def train(
        self, phase: str, text: str, lesson: Lesson, destination: Destination, *, like: str | None = None
    ) -> tuple[Part, Measured | None] | None:
        """The trained ranker, and how good the lists at its destination are then; None where nothing can be learned."""
        device = self._parts.device
        rows = candidate_rows(self._trainer.recommender(lesson.stages), lesson.holdout, device, only_hits=True)
        if len(rows.inputs) == 0:
            self._parts.listener.message(f"ranker {text}: no hidden item came among the candidates; left out")
            return None
        sizes = self._sizes_of(lesson.stages, lesson.histories)
        part = self._parts.build("ranker", text, sizes)
        portable = self.portable(text)
        at_destination = self._prepared(part, sizes, destination.histories) if portable else {}
        rank = self._measuring(part, destination, at_destination)
        validate: Validate | None = None if rank is None else lambda: rank().metrics
        training = TrainingRows(
            histories=lesson.histories,
            validation=destination.validation,
            features_of=Features(lesson.stages.extractors, lesson.stages.recency),
            candidates=rows,
            validate=validate,
        )
        self._parts.train(phase, part, sizes, training, like=like)
        _put(part.module, at_destination)
        return part, None if rank is None else rank()

    def settle(self, part: Part, stages: Chosen, histories: Histories) -> Part:
        """A portable ranker as it is, with what is known of the items from these rows."""
        self._parts.prepare(part, self._sizes_of(stages, histories), histories)
        return part

    def _prepared(self, part: Part, sizes: Sizes, histories: Histories) -> dict[str, Tensor]:
        self._parts.prepare(part, sizes, histories)
        return _buffers(part.module)

    def _measuring(
        self, part: Part, destination: Destination, at_destination: dict[str, Tensor]
    ) -> Callable[[], Measured] | None:
        validation = destination.validation
        if validation is None:
            return None
        recommender = self._trainer.recommender(destination.stages)
        held = candidate_rows(recommender, validation, self._parts.device, only_hits=False)

        def rank() -> Measured:
            before = _buffers(part.module)
            _put(part.module, at_destination)
            measured = measure(
                rank_candidates(part, recommender, held, self._parts.device), validation.targets, destination.far
            )
            _put(part.module, before)
            return measured

        return rank

    def _sizes_of(self, stages: Chosen, histories: Histories) -> Sizes:
        return self._trainer.sizes(
            histories,
            features=Features(stages.extractors).width,
            generators=len(stages.generators),
            candidates=self._trainer.recommender(stages).candidates,
        )


def _buffers(module: nn.Module) -> dict[str, Tensor]:
    return {name: buffer.detach().clone() for name, buffer in module.named_buffers()}


def _put(module: nn.Module, buffers: dict[str, Tensor]) -> None:
    for name, buffer in module.named_buffers():
        if name in buffers:
            buffer.copy_(buffers[name])
