"""What a killed fit leaves for the next one."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from selfrec.errors import PluginError
from selfrec.pipeline.checkpoint import EVERY, Checkpoint, WorkFolder
from selfrec.plugin import Fitting, Generator, UserBatch
from selfrec.testing import checkerboard, checkerboard_holdout
from tests.pipeline.test_stages import trainer
from tests.toys import Dense, NoOptions, Toys


def part(size: int) -> nn.Linear:
    module = nn.Linear(2, 2)
    module.register_buffer("similar", torch.full((size,), 7.0))
    return module


def test_a_part_that_grew_in_training_is_trained_again(tmp_path: Path) -> None:
    notes = {"curves": [], "best_epoch": 3}
    with WorkFolder.open(tmp_path / "work", {}, resume=False)[0] as work_folder:
        trained = part(4)
        work_folder.finish("selection", "generator.mine", trained, notes)

    with WorkFolder.open(tmp_path / "work", {}, resume=True)[0] as work_folder:
        same = part(4)
        assert work_folder.finished("selection", "generator.mine", same) == notes
        assert torch.equal(same.weight, trained.weight)

        other = part(0)
        before = {name: value.clone() for name, value in other.state_dict().items()}
        assert work_folder.finished("selection", "generator.mine", other) is None
        assert all(torch.equal(value, before[name]) for name, value in other.state_dict().items())


class Forgets(Dense):
    """What it learns stands in an attribute that is no buffer."""

    learned = 0.0

    def generate(self, batch: UserBatch, features: Tensor) -> Tensor:
        return super().generate(batch, features) + self.learned


def learn(module: nn.Module, fitting: Fitting) -> None:
    module.learned = torch.arange(20.0)


def test_a_part_that_forgets_what_it_learned_is_not_gone_on_with(tmp_path: Path) -> None:
    """It would be exported as it was built, and nobody would know."""
    record = Generator(
        name="forgets", summary="A toy.", options=NoOptions, build=lambda options, sizes: Forgets(sizes), trainer=learn
    )

    def fit(*, resume: bool) -> None:
        with WorkFolder.open(tmp_path / "work", {}, resume=resume)[0] as work_folder:
            stages = trainer(work_folder, Toys(record), pipeline={"generators": ("forgets",)})
            stages.select(checkerboard(), checkerboard_holdout())

    fit(resume=False)
    with pytest.raises(PluginError) as raised:
        fit(resume=True)
    assert str(raised.value) == (
        "generator 'forgets': once loaded it gives other numbers than after its training, so not all that it learned "
        "is in its state_dict; keep it in buffers (register_buffer), and fit without --resume"
    )


def test_a_checkpoint_of_a_part_that_was_changed_is_told(tmp_path: Path) -> None:
    checkpoint = Checkpoint(tmp_path / "part.checkpoint", _written=-EVERY)
    kept = nn.Linear(2, 2)
    checkpoint.save({"module": kept, "optimizer": torch.optim.SGD(kept.parameters())}, [], 0.0, 1, {})
    told = r"^what the killed fit kept of its training \(module, optimizer\) does not fit the part as it is now \("
    with pytest.raises(PluginError, match=told + r"KeyError: 'schedule'\); fit without --resume$"):
        checkpoint.restore({"module": nn.Linear(2, 2), "schedule": nn.Linear(1, 1)})
    with pytest.raises(PluginError, match=told + "RuntimeError: Error.+; fit without --resume$"):
        checkpoint.restore({"module": nn.Linear(3, 2)})
