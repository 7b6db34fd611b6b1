"""What is chosen from the training rows where an option is unset."""

from __future__ import annotations

from dataclasses import dataclass
from math import log2
from typing import TypeVar

from selfrec.plugin import Histories
from selfrec_autoencoder.options import AutoencoderOptions

T = TypeVar("T", int, float)

DENSE = 0.01
"""Share of filled cells from which data count as dense: ELSA beside softmax pays from about here."""


@dataclass(frozen=True)
class Recipe:
    """The training of one fit, with nothing left unset."""

    softmax: bool
    elsa: bool
    batch_size: int
    learning_rate: float
    dropout: float
    temperature: float


def recipe_of(options: AutoencoderOptions, histories: Histories) -> Recipe:
    """The recipe for these rows.

    Dense rows (a hundredth of the cells or more, and a catalog that is compared whole): small batches, since there
    are few users, a low learning rate, and for "auto" ELSA beside softmax. Sparse rows: large batches and a high rate.
    """
    cells = max(1, len(histories)) * max(1, histories.n_items)
    dense = len(histories.items) / cells >= DENSE and histories.n_items <= options.full_softmax
    both = options.objective == "auto" and dense and options.width >= 2
    steps_wanted = 60
    size = min(512, max(64, 2 ** round(log2(max(1, len(histories)) / steps_wanted))))
    return Recipe(
        softmax=options.objective != "elsa",
        elsa=options.objective == "elsa" or both,
        batch_size=_or(options.batch_size, min(size, 128) if dense else size),
        learning_rate=_or(options.learning_rate, 0.002 if dense else 0.005),
        dropout=_or(options.dropout, 0.3),
        temperature=_or(options.temperature, 0.15 if dense else 0.12),
    )


def _or(given: T | None, otherwise: T) -> T:
    return otherwise if given is None else given
