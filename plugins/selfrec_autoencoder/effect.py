"""Which options train the autoencoder on given rows: a search does not try the same model under two names."""

from __future__ import annotations

from typing import Any

from selfrec.plugin import Histories
from selfrec_autoencoder.choice import Plan, plan_for
from selfrec_autoencoder.options import AutoencoderOptions

ALWAYS = ("width", "epochs", "batch_size", "learning_rate", "weight_decay", "patience")
LINEAR = ("split", "elsa_columns", "start")
SOFTMAX = (
    "twins",
    "dropout",
    "bias_rate",
    "temperature",
    "temperature_rate",
    "popularity_exponent",
    "length_exponent",
    "negatives",
    "full_softmax",
)
ELSA = ("objective", "elsa_dropout", "gain_rate", "closed_form_items", "closed_form_l2")
BESIDE = ("elsa_share",)
DEEP = ("objective", "dropout", "negatives", "full_softmax", "depth", "hidden", "tied", "activation")


def effect_of(options: AutoencoderOptions, histories: Histories) -> dict[str, Any]:
    """What is read of the options, and of the plan for these rows where that decides."""
    plan = plan_for(options, histories)
    return {name: getattr(plan, name, getattr(options, name, None)) for name in _read(plan)}


def _read(plan: Plan) -> tuple[str, ...]:
    if plan.options.objective in ("multinomial", "squared_error"):
        return ALWAYS + DEEP
    softmax, elsa = plan.split > 0, plan.split < plan.options.width
    return ALWAYS + LINEAR + softmax * SOFTMAX + elsa * ELSA + (softmax and elsa) * BESIDE
