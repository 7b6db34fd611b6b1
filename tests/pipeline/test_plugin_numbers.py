"""Text where a plugin should give a number: one line with the plugin, the file and the line."""

from __future__ import annotations

import re
from typing import Any

import pytest
from pydantic import Field
from torch import Tensor, nn

from selfrec.errors import PluginError
from selfrec.pipeline.listener import Silent
from selfrec.plugin import EpochOptions, FeatureExtractor, Fitting, Generator, PartOptions, UserBatch
from selfrec.testing import Bench, checkerboard, checkerboard_holdout
from tests.pipeline.test_stages import trainer
from tests.toys import Dense, Factors, NoOptions, Toys, keep_as_built


class EpochsAsText(EpochOptions):
    epochs: str = Field("5", description="Passes over the rows.")  # type: ignore[assignment]


class RateAsText(EpochOptions):
    learning_rate: str = Field("0.1", description="The step.")  # type: ignore[assignment]


class Rounds(PartOptions):
    rounds: str = Field("5", description="Passes over the rows.")
    size: Any = Field("64", description="Users in a batch.")


class Words(PartOptions):
    epochs: str = Field("few", description="How long it is trained, in words.")


def of(options: type[PartOptions], train: Any = None) -> Generator:
    return Generator(name="odd", summary="Odd.", options=options, build=lambda options, s: Dense(s), trainer=train)


def by_rounds(module: nn.Module, fitting: Fitting) -> None:
    for epoch in fitting.epochs(module, fitting.options.rounds):
        epoch.report(loss=1.0)


def by_patience(module: nn.Module, fitting: Fitting) -> None:
    for epoch in fitting.epochs(module, 5, patience=fitting.options.rounds):
        epoch.report(loss=1.0)


def by_size(module: nn.Module, fitting: Fitting) -> None:
    for epoch in fitting.epochs(module, 1):
        for _ in fitting.batches(fitting.options.size, epoch):
            epoch.report(loss=1.0)


def line_of(text: str) -> int:
    """The first line of this file that begins with the text."""
    with open(__file__, encoding="utf-8") as file:
        return next(number for number, line in enumerate(file, 1) if line.strip().startswith(text))


WHOLE = "the contract wants a whole number"


@pytest.mark.parametrize(
    ("record", "told", "line"),
    [
        (
            of(EpochsAsText),
            "option 'epochs' is '5' (HERE); the shared loop wants a whole number: declare it as int",
            "epochs: str",
        ),
        (
            of(RateAsText),
            "option 'learning_rate' is '0.1' (HERE); the shared loop wants a number: declare it as float",
            "learning_rate: str",
        ),
        (
            of(Rounds, by_rounds),
            f"the count of fitting.epochs is '5' (HERE); {WHOLE}",
            "for epoch in fitting.epochs(module, fitting.options.rounds)",
        ),
        (
            of(Rounds, by_patience),
            f"the patience of fitting.epochs is '5' (HERE); {WHOLE}",
            "for epoch in fitting.epochs(module, 5,",
        ),
        (
            of(Rounds, by_size),
            f"the size of its batches is '64' (HERE); {WHOLE}, 1 or more",
            "for _ in fitting.batches(",
        ),
    ],
)
def test_text_in_the_place_of_a_number(record: Generator, told: str, line: str) -> None:
    with pytest.raises(PluginError) as raised:
        Bench(record).fit()
    assert str(raised.value) == f"generator 'odd': {told}".replace(
        "HERE", f"test_plugin_numbers.py, line {line_of(line)}"
    )


def test_batches_of_no_users_are_refused() -> None:
    """A loop over none of them would train nothing, and nobody would know."""
    with pytest.raises(
        PluginError, match=r"the size of its batches is -1 \(test_plugin_numbers.py, line \d+\); the contract"
    ):
        Bench(of(Rounds, by_size), {"size": -1}).fit()


class Wide(Factors):
    width: Any = "8"


def test_a_width_that_is_text() -> None:
    record = FeatureExtractor(
        name="odd",
        summary="Odd.",
        options=NoOptions,
        build=lambda options, sizes: Wide(sizes.items),
        trainer=keep_as_built,
    )
    with pytest.raises(PluginError) as raised:
        Bench(record).fit()
    assert re.sub(r" \(\w+\.py, line \d+\)", " (HERE)", str(raised.value)) == (
        "extractor 'odd': `width` of its module Wide is '8' (HERE); the contract wants a whole number, the width of "
        "what `extract` returns"
    )


class Told(Silent):
    def __init__(self) -> None:
        self.epochs: list[int] = []

    def training(self, phase: str, kind: str, label: str, epochs: int) -> None:
        self.epochs.append(epochs)


def test_epochs_in_words_are_no_length_of_a_bar() -> None:
    """A trainer of its own may read them as it likes."""
    stages = trainer(
        toys=Toys(of(Words, keep_as_built)), pipeline={"generators": ("odd",), "keep": "all"}, generator={}
    )
    stages.parts.listener = told = Told()
    stages.select(checkerboard(), checkerboard_holdout())
    assert told.epochs[-1] == 0


class WithoutWidth(nn.Module):
    def extract(self, batch: UserBatch) -> Tensor:
        return batch.weights.sum(1, keepdim=True)


def test_a_width_that_is_missing() -> None:
    record = FeatureExtractor(
        name="odd",
        summary="Odd.",
        options=NoOptions,
        build=lambda options, sizes: WithoutWidth(),
        trainer=keep_as_built,
    )
    with pytest.raises(PluginError) as raised:
        Bench(record).fit()
    assert re.sub(r" \(\w+\.py, line \d+\)", " (HERE)", str(raised.value)) == (
        "extractor 'odd': its module WithoutWidth has no `width` (HERE); the contract wants a whole number, the width "
        "of what `extract` returns"
    )
