"""What every table of settings has in common: frozen, documented, unknown keys refused."""

from __future__ import annotations

import types
from collections.abc import Mapping
from typing import Any, Union, get_args, get_origin

from pydantic import BaseModel, ConfigDict, Field, model_validator

LISTS = (tuple, list, set, frozenset)
"""Types of options that are lists in TOML."""

UNSET = "none"
"""How TOML and the command line, which have no null, say that an option is unset."""


class Settings(BaseModel):
    """A table of the configuration. Its field descriptions are its help, its docs and its comments."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True, allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _from_text(cls, values: Any) -> Any:
        """`none` unsets an option that may be unset; `a,b`, or one number, is a list where a list is wanted; what a
        table does not say stays as the table's default has it, which may have other values than its class.
        """
        if not isinstance(values, Mapping):
            return values
        return {name: cls._value_from_text(name, value) for name, value in values.items()}

    @classmethod
    def _value_from_text(cls, name: str, value: Any) -> Any:
        field = cls.model_fields.get(name)
        if field is not None and isinstance(field.default, Settings) and isinstance(value, Mapping):
            usual = field.default
            return {**{inner: getattr(usual, inner) for inner in usual.model_fields_set}, **value}
        if field is None or type(value) not in (str, int, float):
            return value
        kinds = members(field.annotation)
        if value == UNSET and type(None) in kinds:
            return None
        lists = [kind for kind in kinds if get_origin(kind) in LISTS]
        if isinstance(value, str) and lists and str not in kinds and not half_a_list(value):
            return tuple(part.strip() for part in value.split(",") if part.strip())
        if not isinstance(value, str) and lists and all(kind in lists or kind is type(None) for kind in kinds):
            return (value,)
        return value


def half_a_list(text: str) -> bool:
    """Whether it was to be a list that TOML could not read: a bracket is missing, or quotes around a text in it."""
    text = text.strip()
    return text.startswith("[") or (text.endswith("]") and "[" not in text)


def members(annotation: Any) -> tuple[Any, ...]:
    """The types a union is made of; another type alone."""
    if get_origin(annotation) in (Union, types.UnionType):
        return get_args(annotation)
    return (annotation,)


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
