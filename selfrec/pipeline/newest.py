"""The newest items of every history as a rectangle of one width, for parts that read histories as sequences."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from selfrec.pipeline.batch import UserBatch


def newest(batch: UserBatch, length: int, items: int) -> UserBatch:
    """The newest `length` items of every history, newest last, padding (item number `items`) in front.

    The batch's histories may be of any length, 0 included, with padding anywhere; a slot of weight 0 is padding. The
    result's history, weights and ages are [B, length] whatever came in, so that it exports with a constant width.
    """
    history = functional.pad(batch.history, (length, 0), value=items)
    weights, ages = (functional.pad(part, (length, 0)) for part in (batch.weights, batch.ages))
    real = (weights > 0).to(weights.dtype)
    # 1, 2, ... for the real slots from old to new, 0 for padding; the largest are the newest, found newest first.
    _, places = (real.cumsum(1) * real).topk(length, dim=1)
    places = places[:, torch.arange(length - 1, -1, -1, device=places.device)]

    def at(part: Tensor) -> Tensor:
        return part.gather(1, places)

    kept = at(real)
    empty = torch.full_like(places, items)
    return batch._replace(history=torch.where(kept > 0, at(history), empty), weights=at(weights), ages=at(ages) * kept)
