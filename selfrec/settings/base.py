"""What every table of settings has in common: frozen, documented, unknown keys refused."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class Settings(BaseModel):
    """A table of the configuration. Its field descriptions are its help, its docs and its comments."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True, allow_inf_nan=False)


class PartOptions(Settings):
    """Options of a plugin's part. Every field has a description."""


class EpochOptions(PartOptions):
    """Options of a part that is trained by epochs with the shared loop."""

    epochs: int = Field(10, ge=1, le=10_000, description="Most passes over the training histories.")
    batch_size: int = Field(512, ge=1, le=1_000_000, description="Users in a training batch.")
    learning_rate: float = Field(0.001, gt=0, le=10, description="AdamW's peak learning rate.")
    weight_decay: float = Field(0.0, ge=0, le=10, description="AdamW's decoupled weight decay.")
    patience: int = Field(
        3, ge=1, le=10_000, description="Epochs without a better validation metric before training stops."
    )
