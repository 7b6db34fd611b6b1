"""What is known of the items, and the shared loop."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from selfrec.plugin import item_directions, train_by_epochs
from selfrec_mlp.module import CandidateRanker
from selfrec_mlp.textbook import TextbookRanker

if TYPE_CHECKING:
    from selfrec.plugin import Fitting


def learn(module: CandidateRanker | TextbookRanker, fitting: Fitting) -> None:
    """Fill in what is known of the items and train on the candidate rows."""
    if isinstance(module, CandidateRanker):
        with torch.no_grad():
            known = item_columns(fitting)
            if module.item_columns and fitting.item_features is not None:
                known = torch.cat([known, torch.from_numpy(fitting.item_features)], dim=1)
            module.columns[:-1] = known.to(module.columns.device)
            if not fitting.warm_started:
                module.items.copy_(item_vectors(fitting, module.width))
    train_by_epochs(module, fitting)


def item_vectors(fitting: Fitting, width: int) -> Tensor:
    """float32[N + 1, width] singular vectors of the rows, each item's of length 1; 0 for items of no row."""
    vectors = item_directions(fitting.histories, width, seed=fitting.seed)
    return functional.pad(functional.normalize(vectors, dim=1), (0, 0, 0, 1))


def item_columns(fitting: Fitting) -> Tensor:
    """float32[N, 4], each standardised over the items: log of the time-decayed popularity; its log ratio to the
    plain count (the trend); log of the mean age and of the newest event's age in days (0 without timestamps).
    """
    histories = fitting.histories
    counts = histories.item_counts().astype(np.float64)
    popularity = fitting.catalog.popularity.astype(np.float64)
    logs = np.log1p(histories.ages.astype(np.float64))
    mean_age = np.bincount(histories.items, weights=logs, minlength=histories.n_items) / np.maximum(1, counts)
    newest = np.full(histories.n_items, logs.max(initial=0.0))
    np.minimum.at(newest, histories.items, logs)
    trend = np.log1p(popularity) - np.log1p(counts)
    columns = np.stack([np.log1p(popularity), trend, mean_age, newest], axis=1)
    spread = columns.std(0)
    standard = (columns - columns.mean(0)) / np.where(spread > 1e-9, spread, 1.0)
    return torch.from_numpy(standard.astype(np.float32))
