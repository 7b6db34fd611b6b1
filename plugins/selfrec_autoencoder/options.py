"""Options of the autoencoder."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from selfrec.plugin import PartOptions, searched

Objective = Literal["auto", "softmax", "elsa", "multinomial", "squared_error"]
Activation = Literal["sigmoid", "tanh", "relu", "linear"]


class AutoencoderOptions(PartOptions):
    """What is learned, how wide it is and how it is trained. Unset options are chosen from the training rows."""

    objective: Objective = Field(
        "auto",
        json_schema_extra=searched("softmax", "elsa", "auto"),
        description="softmax: each item of a history against all others, from the rest of the history (untied linear "
        "factors, cosine scores). elsa: normalised tied linear factors (Vancura et al. 2022), with two learned gains "
        "an item where events have no times. multinomial: Mult-DAE (Liang et al. 2018). squared_error: the textbook, "
        "mean (x - x^)^2 with sigmoid units. auto: softmax, and on dense data softmax beside a linear half: elsa, with "
        "EDLAE (Steck 2020) folded in on catalogs of up to `closed_form_items`; a width below 128 is all linear there. "
        "On up to 5,000 users softmax that has 128 columns or more is trained as twins: two of half the width, whose "
        "mean counts.",
    )
    width: int = Field(512, ge=1, le=4096, description="d: width of the code and of the item factors.")
    epochs: int | None = Field(
        None,
        ge=1,
        le=10_000,
        description="Most passes over the training histories; the learning rate falls over them. Unset: 6, and more "
        "on few users, for about 350 steps in all.",
    )
    batch_size: int | None = Field(None, ge=1, le=1_000_000, description="Users in a training batch.")
    learning_rate: float | None = Field(
        None, gt=0, le=10, json_schema_extra=searched(0.001, 0.003, 0.01), description="AdamW's peak learning rate."
    )
    weight_decay: float = Field(0.0, ge=0, le=10, description="AdamW's decoupled weight decay.")
    patience: int = Field(
        3, ge=1, le=10_000, description="Epochs without a better validation metric before training stops."
    )
    dropout: float | None = Field(
        None,
        ge=0,
        lt=1,
        json_schema_extra=searched(0.3, 0.5, 0.7),
        description="Share of a history's items that the encoder does not see in training.",
    )
    start: Literal["svd", "random"] = Field(
        "svd", description="softmax, elsa: item factors start from a singular value decomposition or at random."
    )
    temperature: float | None = Field(
        None,
        gt=0,
        le=10,
        json_schema_extra=searched(0.08, 0.12, 0.18, 0.25),
        description="softmax: temperature of the cosine scores; on dense data where it starts, as it is learned there.",
    )
    popularity_exponent: float = Field(
        0.5,
        ge=-2,
        le=2,
        json_schema_extra=searched(0.25, 0.5, 0.75),
        description="softmax: an item of p users starts with weight p ^ -this in the encoder.",
    )
    length_exponent: float = Field(
        0.5,
        ge=0,
        le=2,
        json_schema_extra=searched(0.25, 0.5, 0.75, 1.0),
        description="softmax: an item of a history of n items counts n ^ -this in the loss.",
    )
    negatives: int = Field(
        2000,
        ge=1,
        description="softmax, multinomial on catalogs past `full_softmax`: random items beside those of the batch "
        "that a history's items are compared with.",
    )
    full_softmax: int = Field(
        6000, ge=0, description="softmax, multinomial: catalogs up to this many items are compared whole."
    )
    elsa_share: float = Field(
        1.0,
        gt=0,
        le=100,
        json_schema_extra=searched(0.5, 1.0, 2.0),
        description="auto on dense data: spread of ELSA's scores over the items, as a multiple of softmax's.",
    )
    closed_form_items: int = Field(
        8000, ge=0, le=50_000, description="auto on dense data: largest catalog for EDLAE's closed form, 0 for never."
    )
    closed_form_l2: float = Field(300.0, gt=0, le=1e9, description="auto on dense data: lambda of EDLAE's closed form.")
    depth: int = Field(
        1, ge=1, le=8, description="multinomial, squared_error: layers of the encoder, and of the decoder."
    )
    hidden: int = Field(600, ge=1, le=16_384, description="multinomial, squared_error: width of the layers between.")
    tied: bool = Field(
        False, description="multinomial, squared_error: the decoder's last layer is the encoder's first, transposed."
    )
    activation: Activation | None = Field(
        None, description="multinomial, squared_error: s of the layers. Unset: tanh for multinomial, else sigmoid."
    )
