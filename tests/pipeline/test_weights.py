"""Warm starts: weights of an earlier model, items matched by id."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

from selfrec.errors import ModelError
from selfrec.pipeline.parts import Part
from selfrec.pipeline.weights import WarmStart, write_weights
from selfrec.plugin import EpochOptions
from tests.catalogs import catalog_of
from tests.toys import Factors, Toys


def part_of(module: nn.Module) -> Part:
    record = Toys().get("extractor", "factors")
    return Part(kind="extractor", label="factors", record=record, options=EpochOptions(), module=module)


OLD, NEW = catalog_of(["a", "b", "c"]), catalog_of(["c", "x", "a", "y"])


def test_known_items_keep_their_weights_and_new_ones_their_fresh_start(tmp_path: Path) -> None:
    old, new = Factors(3), Factors(4)
    write_weights({"refit": [part_of(old)]}, tmp_path / "weights.safetensors")
    fresh = new.factors.detach().clone()
    warm = WarmStart.read(tmp_path / "weights.safetensors", OLD, NEW)
    assert warm.load("refit", "extractor.factors", new)
    assert torch.equal(new.factors[0], old.factors[2])
    assert torch.equal(new.factors[2], old.factors[0])
    assert torch.equal(new.factors[[1, 3]], fresh[[1, 3]])
    assert torch.equal(new.embedding.weight[4], old.embedding.weight[3])


def test_shared_modules_are_written_once(tmp_path: Path) -> None:
    module = Factors(3)
    write_weights(
        {"selection": [part_of(module), part_of(module)], "refit": [part_of(module)]}, tmp_path / "weights.safetensors"
    )
    warm = WarmStart.read(tmp_path / "weights.safetensors", OLD, OLD)
    assert list(warm.state) == [("selection", "extractor.factors")]


def test_another_part_is_a_cold_start(tmp_path: Path) -> None:
    write_weights({"selection": [part_of(Factors(3))]}, tmp_path / "weights.safetensors")
    assert not WarmStart.read(tmp_path / "weights.safetensors", OLD, NEW).load("selection", "generator.gan", Factors(4))


def test_broken_file_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "weights.safetensors").write_bytes(b"no tensors")
    with pytest.raises(ModelError, match="fit without --warm-start"):
        WarmStart.read(tmp_path / "weights.safetensors", OLD, NEW)


def test_a_selection_never_begins_with_weights_that_saw_the_validation_rows(tmp_path: Path) -> None:
    chosen, refitted = Factors(3), Factors(3)
    write_weights({"selection": [part_of(chosen)], "refit": [part_of(refitted)]}, tmp_path / "weights.safetensors")
    warm = WarmStart.read(tmp_path / "weights.safetensors", OLD, OLD)
    for phase, earlier in (("selection", chosen), ("refit", refitted)):
        module = Factors(3)
        assert warm.load(phase, "extractor.factors", module)
        assert torch.equal(module.factors, earlier.factors)


def test_what_begins_anew_is_told(tmp_path: Path) -> None:
    """Another width, for instance: the part would begin anew, and nobody would know why."""
    write_weights({"selection": [part_of(Factors(3))]}, tmp_path / "weights.safetensors")
    warm = WarmStart.read(tmp_path / "weights.safetensors", OLD, NEW)
    key, wide = "extractor.factors", Factors(4)
    assert warm.lacks(key, wide) == WarmStart().lacks(key, wide) == ""
    assert warm.lacks("generator.gan", wide) == "generator.gan begins anew: the earlier model has no such part"
    wide.factors = nn.Parameter(torch.zeros(4, 9))
    assert warm.lacks(key, wide) == (
        "extractor.factors takes 1 of its 2 tensors from the earlier model, where factors are not, or not of these "
        "shapes"
    )
    wide.embedding = nn.Embedding(5, 9)
    assert warm.lacks(key, wide) == (
        "extractor.factors begins anew: its tensors are not, or not of these shapes, in the earlier model"
    )
