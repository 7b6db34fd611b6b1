"""A pipeline that is trained: what the graph, the manifest and the report of a fit are made from."""

from __future__ import annotations

from dataclasses import dataclass

from selfrec.model_folder.manifest import SearchRow
from selfrec.pipeline.chosen import Chosen
from selfrec.pipeline.part_training import PartTrainer
from selfrec.pipeline.recommender import Recommender
from selfrec.pipeline.stages import StageTrainer
from selfrec.settings.tables import Config
from selfrec.source.dataset import Dataset


@dataclass(frozen=True, kw_only=True)
class FittedPipeline:
    """What training leaves, while the parts are still at hand."""

    config: Config
    """With the options that a search found."""
    dataset: Dataset
    stages: StageTrainer
    """How the stages were trained and measured."""
    chosen: Chosen
    """The pipeline as the validation rows chose it."""
    final: Chosen
    """The pipeline that is exported: the chosen one, trained once more where there was a refit."""
    recommender: Recommender
    """`final` as one module."""
    trials: tuple[SearchRow, ...] = ()
    """Of the search for options, if there was one."""

    @property
    def parts(self) -> PartTrainer:
        """What trained the parts, and knows how each training went."""
        return self.stages.parts
