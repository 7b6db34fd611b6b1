"""Options of the ranker."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from selfrec.plugin import EpochOptions


class MlpOptions(EpochOptions):
    """The network, what it reads and what it minimises."""

    epochs: int = Field(60, ge=1, le=10_000, description="Most passes over the candidate rows.")
    batch_size: int = Field(64, ge=1, le=1_000_000, description="Candidate rows in a training batch.")
    learning_rate: float = Field(0.002, gt=0, le=10, description="AdamW's peak learning rate.")
    weight_decay: float = Field(0.1, ge=0, le=10, description="AdamW's decoupled weight decay.")
    patience: int = Field(
        6, ge=1, le=10_000, description="Epochs without a better validation metric before training stops."
    )

    width: int = Field(16, ge=1, le=1024, description="Width of the item vectors that candidates are compared by.")
    learn_items: bool = Field(
        False, description="Let the item vectors learn too; else they stay a singular value decomposition of the rows."
    )
    hidden: tuple[Annotated[int, Field(ge=1, le=16_384)], ...] = Field(
        (32,), min_length=1, description="Widths of the hidden layers."
    )
    activation: Literal["relu", "leaky-relu"] = Field("relu", description="Between the layers.")
    loss: Literal["listwise", "pairwise", "pointwise"] = Field(
        "listwise",
        description="listwise: softmax cross-entropy over a row's candidates; pairwise: BPR (Rendle et al. 2009); "
        "pointwise: binary cross-entropy of every candidate.",
    )
    ages: bool = Field(
        True, description="Read the age of every event, where events have times; the graph then has the input `ages`."
    )
    user_features: bool = Field(
        True, description="Read the user columns, where they are given; the graph then has the input `user_features`."
    )
    item_features: bool = Field(True, description="Read the item columns, where they are given.")
    column_dropout: float = Field(
        0.5,
        ge=0,
        lt=1,
        description="Share of the numbers of user and item columns that a training step drops: single users and items "
        "are soon known by them.",
    )
    textbook: bool = Field(
        False,
        description="The ranker as printed, R = s(Wr [f, x_new] + br), instead of the network; of the options above "
        "only those of the training and the loss count then.",
    )
