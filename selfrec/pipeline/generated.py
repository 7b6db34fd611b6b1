"""Histories with generated items, to train on: the GAN's other use."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from selfrec.histories import Histories, Holdout
from selfrec.pipeline.batch import UserBatch
from selfrec.pipeline.features import Features
from selfrec.pipeline.hiding import with_generated
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
    return with_generated(base, ranked)
