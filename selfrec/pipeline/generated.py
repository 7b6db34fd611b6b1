"""Histories with generated items, to train on: the GAN's other use."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from selfrec.histories import Histories, Holdout, Int64
from selfrec.pipeline.batch import UserBatch
from selfrec.pipeline.features import Features
from selfrec.pipeline.measure import rank_all
from selfrec.pipeline.parts import Part


def generated_histories(
    maker: Part, features: Features, histories: Histories, share: float, seed: int, device: torch.device
) -> Histories:
    """Histories of random users, this share of all, with as many generated items again as half their own."""
    rng = np.random.default_rng([seed, 12])
    count = round(share * len(histories))
    base = histories.take(rng.integers(0, len(histories), size=count))
    items = histories.n_items

    def score(batch: UserBatch) -> Tensor:
        return features.generate(maker, batch, items)

    most = max(1, int(base.lengths.max(initial=1)) // 2)
    ranked = rank_all(score, Holdout(base, base), device, k=most)
    wanted = np.maximum(1, base.lengths // 2)
    ranked[np.arange(most) >= wanted[:, None]] = items
    return _with_generated(base, ranked)


def joined(first: Histories, second: Histories) -> Histories:
    """The users of both, one after the other."""
    features = None
    if first.user_features is not None and second.user_features is not None:
        features = np.concatenate([first.user_features, second.user_features])
    return Histories(
        n_items=first.n_items,
        offsets=np.concatenate([first.offsets, second.offsets[1:] + first.offsets[-1]]),
        items=np.concatenate([first.items, second.items]),
        weights=np.concatenate([first.weights, second.weights]),
        ages=np.concatenate([first.ages, second.ages]),
        user_features=features,
    )


def _with_generated(histories: Histories, generated: Int64) -> Histories:
    """Each row with the generated items int64[U, M] (N: none) put behind its own, at the row's mean weight."""
    users, slots = generated.shape
    real = generated < histories.n_items
    sums = np.bincount(histories.row_numbers, weights=histories.weights, minlength=users)
    mean = (sums / np.maximum(1, histories.lengths)).astype(np.float32)
    rows = np.concatenate([histories.row_numbers, np.repeat(np.arange(users), slots)[real.ravel()]])
    order = np.argsort(rows, kind="stable")
    added = real.sum(1)
    return Histories(
        n_items=histories.n_items,
        offsets=np.concatenate([[0], np.cumsum(histories.lengths + added)]).astype(np.int64),
        items=np.concatenate([histories.items, generated[real].astype(np.int32)])[order],
        weights=np.concatenate([histories.weights, np.repeat(mean, added)])[order],
        ages=np.concatenate([histories.ages, np.zeros(int(added.sum()), dtype=np.float32)])[order],
        user_features=histories.user_features,
    )
