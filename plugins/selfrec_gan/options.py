"""Options of the adversarial generator."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from selfrec.plugin import EpochOptions

Width = Annotated[int, Field(ge=1, le=16_384)]


class GanOptions(EpochOptions):
    """Both networks and their training. Losses are means over users, so their weights do not depend on the data."""

    epochs: int = Field(12, ge=1, le=10_000, description="Most passes over the training histories.")
    batch_size: int = Field(128, ge=1, le=1_000_000, description="Users in a training batch, a quarter of all at most.")
    learning_rate: float = Field(0.002, gt=0, le=10, description="Peak learning rate of the generator's AdamW.")
    weight_decay: float = Field(0.01, ge=0, le=10, description="Decoupled weight decay of both networks.")

    width: int = Field(
        64, ge=1, le=4096, description="d: width of the generator's item factors and of its history embedding."
    )
    hidden: tuple[Width, ...] = Field((256,), description="Widths of the generator's hidden layers.")
    noise: int = Field(
        0, ge=0, le=4096, description="Width of the noise z ~ N(0, 1) beside the condition; z = 0 when scoring."
    )
    leak: float = Field(0.2, ge=0, lt=1, description="Slope of LeakyReLU below zero.")
    batch_norm: bool = Field(False, description="Batch normalisation in the hidden layers of both networks.")
    condition: Literal["auto", "both", "history", "features"] = Field(
        "auto",
        description="What the generator sees: its own embedding of the history, the extractors' features, both. "
        "auto: the features where there is an extractor, else the history.",
    )
    cosine: bool = Field(
        True, description="Scores are cosines of query and item factor, times a learned sharpness, plus the bias."
    )
    sharpness: float = Field(8.0, gt=0, le=100, description="The sharpness that cosine scores start with.")
    skip: bool = Field(False, description="A linear path from the condition to the query, beside the hidden layers.")
    start: Literal["svd", "random"] = Field(
        "svd", description="Where the item tables start: at a randomised SVD of the training rows, or at random."
    )
    condition_dropout: float = Field(
        0.35,
        ge=0,
        lt=1,
        description="Share of a history that the condition lacks in training, so that the generator learns to "
        "complete histories and not to copy them.",
    )

    discriminator_hidden: tuple[Width, ...] = Field(
        (64,),
        min_length=1,
        description="Widths of the discriminator's hidden layers; the first is its embeddings' too.",
    )
    discriminator_learning_rate: float = Field(
        0.0003, gt=0, le=10, description="Peak learning rate of the discriminator's AdamW."
    )
    d_steps: int = Field(1, ge=1, le=100, description="Discriminator steps a batch.")
    g_steps: int = Field(1, ge=1, le=100, description="Generator steps a batch.")
    adversarial: float = Field(
        0.02, ge=0, le=1e6, description="Weight of the adversarial loss; 0 leaves the discriminator out."
    )
    adversarial_loss: Literal["minimax", "non-saturating"] = Field(
        "non-saturating",
        description="What the generator minimises: log(1 - D(G(z))) as printed by Goodfellow et al. 2014, or "
        "-log D(G(z)), which has stronger gradients early on.",
    )
    mask_share: float = Field(
        0.05,
        ge=0,
        le=1,
        description="Partial masking: the discriminator sees the history's items and this share of the others; "
        "1 shows it all items.",
    )
    zero_reconstruction: float = Field(
        0.1, ge=0, le=1e6, description="Weight of the squared preferences of sampled items outside the history."
    )
    zero_share: float = Field(
        0.2, gt=0, le=1, description="Share of the items outside the history sampled for zero reconstruction."
    )
    softmax: float = Field(
        1.0,
        ge=0,
        le=1e6,
        description="Weight of an anchor: cross-entropy of the whole history under a softmax over the items.",
    )
    sampled_items: int = Field(
        4096,
        ge=2,
        description="Items a batch works on, where the catalog has more: those of its histories and random others.",
    )
