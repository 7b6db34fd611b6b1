"""What the unset options become: rules on measured properties of the training rows, never on whose rows they are."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from selfrec.plugin import Histories
from selfrec_autoencoder.options import AutoencoderOptions

DENSE = 0.02
"""Share of filled cells (users x items) from which rows count as dense: there linear autoencoders are at their best."""

WIDE = 128
"""Columns from which softmax and ELSA share them; fewer are worth more to ELSA, folded with EDLAE, alone."""

TWIN_USERS = 5_000
"""Training users up to which softmax is trained as twins of half the width each: few rows are learned by heart, each
time in another way, and the mean of two such models is better than one of twice the width."""

CONTINUED_EPOCHS, CONTINUED_RATE = 2, 0.6
"""Of a refit that goes on from the chosen weights; its rate is a multiple of the first one's."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """The options with nothing left open."""

    options: AutoencoderOptions
    split: int
    """Columns that belong to softmax; the others to ELSA."""
    twins: int
    """Models that softmax's columns are divided into: 2, which see different draws and are added up, or 1."""
    elsa_columns: int
    """Of ELSA's columns, those that it is trained in; EDLAE is folded into all of them."""
    epochs: int
    batch_size: int
    learning_rate: float
    bias_rate: float
    """The learning rate of the items' bias, as a multiple."""
    dropout: float
    elsa_dropout: float
    gain_rate: float
    """The learning rate of ELSA's gains, as a multiple; at 0 they stay 1."""
    temperature: float
    temperature_rate: float
    """As bias_rate; at 0 the temperature stays as it is."""

    def steps(self, users: int) -> int:
        """Optimizer steps of an epoch."""
        return math.ceil(users / self.batch_size)


def plan_for(options: AutoencoderOptions, histories: Histories) -> Plan:
    """The plan for these rows."""
    users = max(1, len(histories))
    dense = len(histories.items) / (users * max(1, histories.n_items)) >= DENSE
    sparse_softmax = options.objective in ("auto", "softmax") and not dense
    batch_size = options.batch_size or _batch_size(users)
    beside = options.width // 2 if options.width >= WIDE else 0
    shallow = {"softmax": options.width, "elsa": 0, "auto": beside if dense else options.width}
    split = shallow.get(options.objective, options.width)
    return Plan(
        options=options,
        split=split,
        twins=2 if split == options.width >= WIDE and users <= TWIN_USERS else 1,
        elsa_columns=options.width if options.objective == "elsa" else _elsa_columns(options.width - split, users),
        epochs=options.epochs or _epochs(math.ceil(users / batch_size)),
        batch_size=batch_size,
        learning_rate=options.learning_rate or _learning_rate(options, batch_size if sparse_softmax else None),
        bias_rate=3.0 if sparse_softmax else 1.0,
        dropout=_first(options.dropout, _dropout(options, dense)),
        elsa_dropout=_first(options.dropout, 0.3),
        gain_rate=0.0 if histories.ages.any() else 1.0,
        temperature=_first(options.temperature, 0.15 if dense else 0.12),
        temperature_rate=0.0 if sparse_softmax else 1.0,
    )


def continued(plan: Plan) -> Plan:
    """The plan of a refit that goes on from the chosen weights: it has few rows to add, and much to keep."""
    return replace(plan, epochs=CONTINUED_EPOCHS, learning_rate=CONTINUED_RATE * plan.learning_rate)


def _dropout(options: AutoencoderOptions, dense: bool) -> float:
    if options.objective == "squared_error":
        return 0.0
    return 0.5 if dense or options.objective == "multinomial" else 0.3


def _first(given: float | None, otherwise: float) -> float:
    return otherwise if given is None else given


def _elsa_columns(room: int, users: int) -> int:
    """3 sqrt(users), at most what there is: ELSA's rank is all that keeps it from learning few rows by heart."""
    return min(room, max(1, round(3 * math.sqrt(users))))


def _batch_size(users: int) -> int:
    """A power of two between 32 and 512 that leaves about 50 steps an epoch."""
    return int(2 ** np.clip(np.floor(np.log2(max(1, users / 50))), 5, 9))


def _epochs(steps: int) -> int:
    """Between 6 and 20, so that the rate has about 350 steps to rise and fall."""
    return int(np.clip(350 // steps, 6, 20))


def _learning_rate(options: AutoencoderOptions, users_a_step: int | None) -> float:
    """users_a_step: batch size of softmax on sparse rows, None for all else. The more users a step has for each column,
    the surer its direction is and the fewer steps there are: so it may be longer.
    """
    if options.objective == "squared_error":
        return 0.005
    return 0.003 if users_a_step is None else 0.01 * max(1.0, users_a_step / options.width) ** (1 / 3)
