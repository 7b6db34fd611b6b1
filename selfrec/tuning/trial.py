"""One trial: the pipeline trained on the training part and measured on the validation part, nothing kept of it."""

from __future__ import annotations

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


def run_trial(
    config: Config, dataset: Dataset, validation: Holdout | None, records: Records, device: torch.device
) -> Measured | None:
    """What the pipeline of this configuration reaches; None without validation rows."""
    if validation is None:
        return None
    parts = PartTrainer(
        config=config,
        records=records,
        catalog=dataset.catalog,
        work_folder=WorkFolder(None),
        listener=Silent(),
        notify=lambda part, epoch, metrics: None,
        device=device,
        item_features=dataset.item_features,
    )
    return StageTrainer(parts, popularity_prior(dataset.catalog)).select(dataset.train, validation).measured
