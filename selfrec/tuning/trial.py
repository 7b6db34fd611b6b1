"""One trial: the pipeline trained on the training part and measured on the validation part, nothing kept of it."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from selfrec.histories import Holdout
from selfrec.pipeline.checkpoint import WorkFolder
from selfrec.pipeline.listener import Silent
from selfrec.pipeline.measure import Measured
from selfrec.pipeline.part_building import Records
from selfrec.pipeline.part_training import PartTrainer
from selfrec.pipeline.prior import popularity_prior
from selfrec.pipeline.stages import StageTrainer
from selfrec.settings.tables import Config
from selfrec.source.dataset import Dataset


@dataclass(frozen=True, kw_only=True)
class TrialRunner:
    """What all trials of one search have in common."""

    dataset: Dataset
    validation: Holdout | None
    """The rows that trials are measured on; None where there are none."""
    records: Records
    device: torch.device

    def run(self, config: Config) -> Measured | None:
        """What the pipeline of this configuration reaches; None without validation rows."""
        if self.validation is None:
            return None
        dataset = self.dataset
        parts = PartTrainer(
            config=config,
            records=self.records,
            catalog=dataset.catalog,
            work_folder=WorkFolder(None),
            listener=Silent(),
            notify=lambda part, epoch, metrics: None,
            device=self.device,
            item_features=dataset.item_features,
        )
        return StageTrainer(parts, popularity_prior(dataset.catalog)).select(dataset.train, self.validation).measured
