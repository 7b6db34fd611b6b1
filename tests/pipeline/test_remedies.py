"""What is said of options and memory where a part fails."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import Field

from selfrec.pipeline.remedies import against_infinity, lack_of_memory
from selfrec.plugin import EpochOptions, PartOptions

TORCH = RuntimeError(
    "[enforce fail at alloc_cpu.cpp:123] err == 0. DefaultCPUAllocator: can't allocate memory: you tried to allocate "
    "40000000000 bytes. Error code 12 (Cannot allocate memory)"
)


class Inner(PartOptions):
    rate: float = Field(0.5, description="A rate.")


class Options(EpochOptions):
    hidden: tuple[int, ...] = Field((64,), description="Widths.")
    limit: int | None = Field(None, description="A limit.")
    inner: Inner = Field(default_factory=Inner, description="A table.")


def options(**given: Any) -> Options:
    return Options.model_validate(given)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({}, "try a smaller learning rate"),
        ({"epochs": 3, "hidden": [8]}, "try a smaller learning rate"),
        (
            {"learning_rate": 10, "inner": {"rate": 1e-300}},
            "set nearer to its default what is not: generator.x.learning_rate=10.0 (0.001), "
            "generator.x.inner.rate=1e-300 (0.5)",
        ),
    ],
)
def test_infinity_names_the_numbers_that_are_not_as_by_default(given: dict[str, Any], told: str) -> None:
    assert against_infinity(options(**given), "generator.x") == told


def test_infinity_of_a_closed_form_is_no_matter_of_a_learning_rate() -> None:
    assert against_infinity(Inner(), "generator.x") == "look for a division by 0, or a logarithm or root of one"


@pytest.mark.parametrize(
    ("error", "given", "told"),
    [
        (ValueError("can't allocate memory"), {}, None),
        (RuntimeError("mat1 and mat2 shapes cannot be multiplied"), {}, None),
        (
            TORCH,
            {"hidden": [100_000], "epochs": 2, "limit": 9, "learning_rate": 1},
            "takes more memory than there is (it asked for 40000000000 bytes); set nearer to its default what is not: "
            "generator.x.hidden=[100000] ([64]), generator.x.limit=9 (unset)",
        ),
        (
            MemoryError("Unable to allocate 728. TiB"),
            {},
            "takes more memory than there is; fit fewer items (cleaning.min_users_per_item), or with smaller options",
        ),
    ],
)
def test_what_the_memory_lacked(error: Exception, given: dict[str, Any], told: str | None) -> None:
    assert lack_of_memory(error, options(**given), "generator.x") == told
