"""How much an item of a history counts, by how many newer ones there are or by how old it is.

Generators are trained on histories in which every item counts alike, and learn which items go together. What a user
does next depends more on the newest of them: how much more is chosen on the validation rows, after training.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

from selfrec.errors import SettingsError
from selfrec.pipeline.batch import UserBatch
from selfrec.pipeline.measure import Measured, better
from selfrec.settings.tables import PipelineSettings

By = Literal["none", "position", "age"]

UNIT_DAYS = 1e-3
"""Ages count from a user's newest item in these units, about a minute and a half: one sitting has many ages."""

FAR = float(torch.finfo(torch.float32).max)

POWERS = (0.25, 0.5, 0.75, 1.0)
"""Tried where none is given, until one is worse than the last."""


@dataclass(frozen=True)
class Recency:
    """Weights are divided by (1 + r)^power: r is the number of the history's newer items, or the age in units."""

    by: By = "none"
    power: float = 0.0

    def __call__(self, batch: UserBatch) -> UserBatch:
        """The batch with other weights, all others as they are."""
        if self.by == "none":
            return batch
        older = _newer_items(batch) if self.by == "position" else _units_older(batch)
        return batch._replace(weights=batch.weights * (1 + older) ** -self.power)

    def __str__(self) -> str:
        """For a table of stages."""
        return "no recency" if self.by == "none" else f"recency ({self.by} ^ -{self.power:g})"


EVEN = Recency()
"""Every item counts alike."""


def given(options: PipelineSettings, *, timed: bool, drawn: bool = False) -> Recency | None:
    """What the options say, or None where it is to be chosen.

    drawn: whether the rows to choose on are drawn by chance. They say nothing of what comes next.

    Raises SettingsError where histories are to have a recency and the events have no times.
    """
    if options.recency == "none" or (options.recency == "auto" and (drawn or not timed)):
        return EVEN
    if not timed:
        raise SettingsError(
            f"pipeline.recency is {options.recency!r}, and the events have no times; name their column with "
            "--timestamp-column, or leave the option out"
        )
    if options.recency == "auto" or options.recency_power is None:
        return None
    return Recency(options.recency, options.recency_power)


def best(options: PipelineSettings, measure: Callable[[Recency], Measured]) -> tuple[Recency, Measured]:
    """The recency whose lists hit most: by position, unless one by age is better by more than chance.

    One by age asks more: whoever runs the graph has to know the ages, and lists change with them from day to day.
    """
    found: tuple[Recency, Measured] | None = None
    kinds: tuple[By, ...] = ("position", "age") if options.recency == "auto" else (options.recency,)
    powers = POWERS if options.recency_power is None else (options.recency_power,)
    for by in kinds:
        highest = _highest(by, powers, measure)
        found = highest if found is None or better(highest[1], found[1]) else found
    assert found is not None
    return found


def _highest(by: By, powers: Sequence[float], measure: Callable[[Recency], Measured]) -> tuple[Recency, Measured]:
    tried: list[tuple[Recency, Measured]] = []
    for power in powers:
        recency = Recency(by, power)
        tried.append((recency, measure(recency)))
        if _ndcg(tried[-1]) < max(map(_ndcg, tried)):
            break
    return max(tried, key=_ndcg)


def _ndcg(tried: tuple[Recency, Measured]) -> float:
    return tried[1].metrics["ndcg@20"]


def _newer_items(batch: UserBatch) -> Tensor:
    """float32[B, H]: how many items stand behind this one; a slot without weight is none."""
    real = (batch.weights > 0).to(batch.weights.dtype)
    return (real.sum(1, keepdim=True) - real.cumsum(1)).clamp_min(0)


def _units_older(batch: UserBatch) -> Tensor:
    """float32[B, H]: how much older than the newest item of the history, 0 in padding."""
    real = batch.weights > 0
    # Padding is FAR and not infinite: a user without a history would subtract infinity from itself. The slot that is
    # added is for batches that have none.
    ages = torch.where(real, batch.ages, torch.full_like(batch.ages, FAR))
    newest = functional.pad(ages, (0, 1), value=FAR).amin(1, keepdim=True)
    return torch.where(real, batch.ages - newest, torch.zeros_like(batch.ages)) / UNIT_DAYS
