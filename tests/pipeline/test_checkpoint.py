"""What a killed fit leaves for the next one."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import nn

from selfrec.pipeline.checkpoint import Workshop


def part(size: int) -> nn.Module:
    module = nn.Linear(2, 2)
    module.register_buffer("similar", torch.full((size,), 7.0))
    return module


def test_a_part_that_grew_in_training_is_trained_again(tmp_path: Path) -> None:
    notes = {"curves": [], "best_epoch": 3}
    with Workshop.open(tmp_path / "work", {}, resume=False)[0] as workshop:
        trained = part(4)
        workshop.finish("selection", "generator.mine", trained, notes)

    with Workshop.open(tmp_path / "work", {}, resume=True)[0] as workshop:
        same = part(4)
        assert workshop.finished("selection", "generator.mine", same) == notes
        assert torch.equal(same.weight, trained.weight)  # type: ignore[arg-type]

        other = part(0)
        before = {name: value.clone() for name, value in other.state_dict().items()}
        assert workshop.finished("selection", "generator.mine", other) is None
        assert all(torch.equal(value, before[name]) for name, value in other.state_dict().items())
