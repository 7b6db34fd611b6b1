"""Which of a data set's rows a fit chooses on, and whether it trains once more on those it had hidden."""

from __future__ import annotations

import numpy as np

from selfrec.histories import Holdout
from selfrec.settings.tables import Config
from selfrec.source.dataset import Dataset

LEAST_TO_REFIT = 1 / 40
"""Hidden share of the rows from which a refit by `auto` is worth its time."""


def sampled_validation(validation: Holdout, config: Config) -> Holdout | None:
    """At most training.validation_users rows, chosen by the seed; None where there are none."""
    if len(validation) == 0:
        return None
    most = config.training.validation_users
    if len(validation) <= most:
        return validation
    rows = np.random.default_rng([config.seed, 13]).choice(len(validation), size=most, replace=False)
    return validation.take(np.sort(rows))


def worth_a_refit(dataset: Dataset, config: Config) -> bool:
    """Whether training.refit asks for one; `auto` does where enough rows were hidden."""
    if config.training.refit != "auto":
        return config.training.refit != "none"
    hidden = len(dataset.refit.items) - len(dataset.train.items)
    return hidden >= LEAST_TO_REFIT * len(dataset.refit.items)
