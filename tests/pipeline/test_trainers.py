"""Trainers that do what Python allows: leave their loop, begin a second one, never run, change the process."""

from __future__ import annotations

import os
import random
import signal
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from selfrec.errors import PluginError
from selfrec.plugin import EpochOptions, FeatureExtractor, Fitting, Generator, PartOptions, Ranker, Sizes
from selfrec.testing import Bench, checkerboard, checkerboard_holdout
from tests.pipeline.test_stages import trainer
from tests.toys import Dense, Factors, NoOptions, Toys

Trainer = Callable[[Any, Fitting], Any]


def generator(train: Trainer) -> Generator:
    return Generator(
        name="odd", summary="Odd.", options=NoOptions, build=lambda options, sizes: Dense(sizes), trainer=train
    )


def bias_of(module: Dense) -> float:
    return float(module.layer.bias[0].detach())


def stops_by_itself(module: Dense, fitting: Fitting) -> None:
    for epoch in fitting.epochs(module, 30):
        nn.init.constant_(module.layer.bias, epoch.number)
        epoch.report(loss=1 / epoch.number)
        if epoch.number == 3:
            break


def stops_before_an_epoch(module: Dense, fitting: Fitting) -> None:
    for epoch in fitting.epochs(module, 30):
        if epoch.number == 3:
            return
        nn.init.constant_(module.layer.bias, epoch.number)
        epoch.report(loss=1 / epoch.number)


@pytest.mark.parametrize(("train", "epochs"), [(stops_by_itself, 3), (stops_before_an_epoch, 2)])
def test_a_loop_may_be_left(train: Trainer, epochs: int) -> None:
    """Its last epoch is measured, and the best one's weights are put back, as at any other end."""
    stages = trainer(toys=Toys(generator(train)), pipeline={"generators": ("odd",), "keep": "all"}, generator={})
    chosen = stages.select(checkerboard(), checkerboard_holdout())
    trained = stages.parts.trained["selection", "generator.odd"]
    assert [epoch["loss"] for epoch in trained.curves] == [1 / (at + 1) for at in range(epochs)]
    assert all("ndcg@20" in epoch for epoch in trained.curves)
    # A bias that all items share moves no list: the first epoch is the best one.
    assert trained.best_epoch == 1
    module: Any = chosen.generators[0].module
    assert (bias_of(module), module.training) == (1.0, False)


def begins_again(module: Dense, fitting: Fitting) -> None:
    for _ in range(2):
        for epoch in fitting.epochs(module, 2):
            epoch.report(loss=1.0)


def yields(module: Dense, fitting: Fitting) -> Iterator[None]:
    for epoch in fitting.epochs(module, 2):
        epoch.report(loss=1.0)
        yield


async def waits(module: Dense, fitting: Fitting) -> None:
    pass


@pytest.mark.parametrize(
    ("train", "wanted"),
    [
        (begins_again, "its trainer calls fitting.epochs a second time; the contract wants one loop, which is what"),
        (yields, "its trainer has a yield in it, so that nothing of it was run"),
        (waits, "its trainer has async before it, so that nothing of it was run"),
    ],
)
def test_a_trainer_that_does_not_do_its_work_is_refused(train: Trainer, wanted: str) -> None:
    with pytest.raises(PluginError) as raised:
        Bench(generator(train)).fit()
    assert str(raised.value).startswith(f"generator 'odd': {wanted}")


def test_a_preparation_that_is_not_run_is_refused() -> None:
    def prepare(module: Any, fitting: Fitting) -> Iterator[None]:
        yield

    class Scores(nn.Module):
        def rank(self, batch: Any, features: Any, candidates: Any, scores: torch.Tensor) -> torch.Tensor:
            return scores.sum(2)

    record = Ranker(
        name="odd", summary="Odd.", options=NoOptions, build=lambda options, sizes: Scores(), portable=True,
        trainer=lambda module, fitting: None, prepare=prepare,  # type: ignore[arg-type]
    )  # fmt: skip
    with pytest.raises(PluginError, match="its prepare has a yield in it"):
        Bench(record).fit()


def from_other_generators(module: Dense, fitting: Fitting) -> None:
    nn.init.constant_(module.layer.bias, random.random() + np.random.rand())


def test_other_libraries_draw_from_the_seed() -> None:
    bench = Bench(generator(from_other_generators))
    random.seed(5)
    np.random.seed(5)
    before = random.getstate()
    biases = [bias_of(bench.fit(seed).part.module) for seed in (0, 0, 1)]  # type: ignore[arg-type]
    assert biases[0] == biases[1] != biases[2]
    assert random.getstate() == before
    assert np.random.rand() == np.random.RandomState(5).rand()


def changes_the_process(module: Dense, fitting: Fitting) -> None:
    os.chdir("/")
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    torch.set_num_threads(torch.get_num_threads() + 1)
    torch.use_deterministic_algorithms(True)
    torch.set_default_device("meta")


def surroundings() -> tuple[Any, ...]:
    return (
        Path.cwd(),
        signal.getsignal(signal.SIGINT),
        torch.get_num_threads(),
        torch.are_deterministic_algorithms_enabled(),
        torch.get_default_device(),
    )


def test_what_a_trainer_changes_in_the_process_ends_with_it() -> None:
    before = surroundings()
    Bench(generator(changes_the_process)).fit()
    assert surroundings() == before


def test_a_signal_that_has_come_leaves_its_mark() -> None:
    """The first one lets the second end the program at once."""

    def stopped(module: Dense, fitting: Fitting) -> None:
        signal.signal(signal.SIGINT, signal.SIG_DFL)

    before = signal.getsignal(signal.SIGINT)
    try:
        Bench(generator(stopped)).fit()
        assert signal.getsignal(signal.SIGINT) is signal.SIG_DFL
    finally:
        signal.signal(signal.SIGINT, before)


class Builder:
    """Its method is another object each time."""

    def build(self, options: PartOptions, sizes: Sizes) -> nn.Module:
        return Factors(sizes.items)


def build(width: int, options: PartOptions, sizes: Sizes) -> nn.Module:
    return Factors(sizes.items)


BUILDER = Builder()


@pytest.mark.parametrize(
    ("one", "other", "shared"),
    [
        (BUILDER.build, BUILDER.build, True),
        (partial(build, 8), partial(build, 8), True),
        (partial(BUILDER.build), partial(BUILDER.build), True),
        (partial(build, 8), partial(build, 9), False),
        (BUILDER.build, Builder().build, False),
    ],
)
def test_faces_are_one_module_where_their_builds_call_the_same(one: Any, other: Any, shared: bool) -> None:
    kept: dict[str, Any] = {"name": "odd", "summary": "Odd.", "options": EpochOptions}
    extractor, generator = FeatureExtractor(build=one, **kept), Generator(build=other, **kept)
    assert generator.shares_module(extractor) is shared
    if shared:
        chosen = Bench(generator, {"epochs": 1}, [extractor]).fit().chosen
        assert chosen.extractors[0].module is chosen.generators[0].module
