"""What a trainer hands to `fitting.epochs` to be kept: told at once where it cannot be, not at the first checkpoint."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from selfrec.errors import PluginError
from selfrec.pipeline.checkpoint import Checkpoint
from selfrec.plugin import Fitting, Generator
from selfrec.testing import Bench
from tests.toys import Dense, NoOptions


def told(state: Any) -> str:
    def train(module: nn.Module, fitting: Fitting) -> None:
        for epoch in fitting.epochs(module, 1, state=state):
            epoch.report(loss=1.0)

    record = Generator(
        name="odd", summary="Odd.", options=NoOptions, build=lambda options, sizes: Dense(sizes), trainer=train
    )
    with pytest.raises(PluginError) as raised:
        Bench(record).fit()
    return re.sub(r" \(test_keepers\.py, line \d+\)", " (HERE)", str(raised.value))


@pytest.mark.parametrize(
    ("state", "wanted"),
    [
        (
            {"optimizer": torch.optim.SGD([nn.Parameter(torch.zeros(1))]), "step": 3},
            "has 'step' of type int (HERE); the contract wants what has state_dict and load_state_dict; tell numbers "
            "by epoch.number, or keep them in buffers",
        ),
        (
            [nn.Linear(1, 1)],
            "is a list (HERE); the contract wants a mapping of names to them, {'optimizer': optimizer}",
        ),
        (
            {"module": nn.Linear(1, 1)},
            "names 'module', which is the part's own module (HERE); the contract wants another name",
        ),
    ],
)
def test_what_cannot_be_kept_is_told_before_the_first_epoch(state: Any, wanted: str) -> None:
    assert told(state) == f"generator 'odd': the state of fitting.epochs {wanted}"


class Draws:
    """Its state is no tensor, number or text."""

    def state_dict(self) -> dict[str, Any]:
        return {"draws": np.random.default_rng(0)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        raise AssertionError


def test_a_state_that_is_not_read_again_is_told(tmp_path: Path) -> None:
    checkpoint = Checkpoint(tmp_path / "part.checkpoint", every=0.0)
    checkpoint.save({"draws": Draws()}, [], 0.0, 1, {})
    with pytest.raises(PluginError) as raised:
        checkpoint.restore({"draws": Draws()})
    assert str(raised.value) == (
        "what the killed fit kept of its training is more than tensors, numbers, text, lists and mappings; the "
        "contract wants no other in a state_dict that fitting.epochs is given; fit without --resume"
    )
