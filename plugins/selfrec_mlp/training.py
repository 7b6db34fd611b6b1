"""What is known of the items, and the shared loop."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from selfrec.plugin import item_directions, recent_popularity, train_by_epochs
from selfrec_mlp.module import CandidateRanker
from selfrec_mlp.textbook import TextbookRanker

if TYPE_CHECKING:
    from selfrec.plugin import Fitting

SHARES = (1 / 4, 1 / 16, 1 / 64)
"""Half-lives of the recent popularities, as shares of the time span of the rows."""


def learn(module: CandidateRanker | TextbookRanker, fitting: Fitting) -> None:
    """Fill in what is known of the items and train on the candidate rows."""
    if isinstance(module, CandidateRanker):
        prepare(module, fitting)
        if isinstance(module.items, torch.nn.Parameter) and not fitting.warm_started:
            with torch.no_grad():
                module.items.copy_(item_vectors(fitting, module.width))
    train_by_epochs(module, fitting)


@torch.no_grad()
def prepare(module: CandidateRanker | TextbookRanker, fitting: Fitting) -> None:
    """Fill in the buffers: what these rows, and the item columns, tell of the items."""
    if not isinstance(module, CandidateRanker):
        return
    known = item_columns(fitting) if module.ages else item_columns(fitting)[:, :1]
    if module.item_columns and fitting.item_features is not None:
        known = torch.cat([known, torch.from_numpy(fitting.item_features)], dim=1)
    module.columns[:-1] = known.to(module.columns.device)
    module.span.fill_(max(float(fitting.histories.ages.max(initial=0)), 1e-3))
    if not isinstance(module.items, torch.nn.Parameter):
        module.items.copy_(item_vectors(fitting, module.width))


def item_vectors(fitting: Fitting, width: int) -> Tensor:
    """float32[N + 1, width] singular vectors of the rows, each times its strength, which is how far the users
    spread along it; then each item's of length 1, and 0 for items of no row. Weak directions tell little: where
    the width comes near the rank of the rows, unscaled ones would make every item like itself alone.
    """
    rows = fitting.histories
    vectors = item_directions(rows, width, seed=fitting.seed)
    shares = torch.from_numpy(rows.lengths).float().clamp_min(1).rsqrt()[torch.from_numpy(rows.row_numbers)]
    users = functional.embedding_bag(
        torch.from_numpy(rows.items).long(), vectors, torch.from_numpy(rows.offsets), mode="sum",
        per_sample_weights=shares, include_last_offset=True,
    )  # fmt: skip
    strength = users.std(0, correction=0) if len(rows) else users.new_zeros(width)
    return functional.pad(functional.normalize(vectors * strength, dim=1), (0, 0, 0, 1))


def item_columns(fitting: Fitting) -> Tensor:
    """float32[N, 6], each standardised over the items: log of the number of choices; logs of the recent popularities,
    short of the first by its own share (the trend); log of the mean age and of the newest event's age in days.
    Only the rows the stages were trained on are counted, never what is hidden.
    """
    histories = fitting.histories
    counts = recent_popularity(histories)
    span = float(histories.ages.max(initial=0))
    trends = [_trend(recent_popularity(histories, [span * share]), counts) for share in SHARES if span > 0]
    trends += [torch.zeros_like(counts)] * (len(SHARES) - len(trends))
    logs = np.log1p(histories.ages.astype(np.float64))
    mean_age = np.bincount(histories.items, weights=logs, minlength=histories.n_items) / counts.clamp_min(1).numpy()
    newest = np.full(histories.n_items, logs.max(initial=0.0))
    np.minimum.at(newest, histories.items, logs)
    columns = torch.stack([torch.log1p(counts), *trends, torch.from_numpy(mean_age), torch.from_numpy(newest)], dim=1)
    spread = columns.std(0, correction=0)
    standard = (columns - columns.mean(0)) / torch.where(spread > 1e-9, spread, torch.ones_like(spread))
    return standard.float()


def _trend(recent: Tensor, counts: Tensor) -> Tensor:
    """float64[N] log of an item's share of the recent choices to its share of all; 0 where nothing changes.

    Both shares are drawn towards each other by one choice, so that rare items do not leap.
    """
    share = counts.sum() / recent.sum().clamp_min(1e-12)
    return torch.log((recent * share + 1) / (counts + 1))
