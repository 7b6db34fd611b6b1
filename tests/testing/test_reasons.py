"""What the checks say of parts that are slow, learn too little, lack something or bring too much along."""

from __future__ import annotations

import itertools
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from pydantic import Field
from torch import Tensor, nn

from selfrec.plugin import EpochOptions, Fitting, PartOptions, Sizes, UserBatch, newest, searched
from selfrec.testing import Bench
from selfrec.testing.checks import (
    check_learns_the_checkerboard,
    check_light_import,
    check_options_documented,
    check_resumes_where_it_was_killed,
    check_state_round_trips,
    check_trains_with_finite_losses,
)
from selfrec.testing.kit import outcome_of
from tests.testing.test_checks import counting_rounds
from tests.testing.toy import Neighbours, Options, count, failures, learn_nothing, record


def by_slow_epochs(module: Neighbours, fitting: Fitting) -> None:
    count(module, fitting)
    for epoch in fitting.epochs(module, 2):
        epoch.report(loss=1.0)


@pytest.mark.parametrize(
    ("trainer", "wanted"),
    [
        (count, "slow: training takes 12 s for 120 users and 20 items"),
        (by_slow_epochs, "slow: 6 s an epoch of 120 users; at that pace one of 100,000 users takes 1.4 hours"),
    ],
)
def test_a_slow_training_is_told_and_passes(trainer: Any, wanted: str, monkeypatch: pytest.MonkeyPatch) -> None:
    ticks = itertools.count(step=12.0)
    bench = Bench(record(trainer=trainer))
    with monkeypatch.context() as patched:
        patched.setattr("selfrec.testing.bench.time", SimpleNamespace(perf_counter=lambda: next(ticks)))
        patched.setattr("selfrec.testing.bench.SLOW", 4.0)
        outcome = outcome_of(check_trains_with_finite_losses, bench)
    assert (outcome.passed, outcome.word, outcome.note) == (True, "ok", wanted)


def test_a_quick_training_is_not_worth_a_word() -> None:
    assert outcome_of(check_trains_with_finite_losses, Bench(record())).note == ""


class Wide(EpochOptions):
    width: int = Field(16, description="Numbers an item.")


def test_a_part_by_epochs_that_learns_too_little_is_told_to_learn_longer() -> None:
    told = "may need other options than its own (120 users are one batch, as a rule): `plugins check toy -o epochs=60`"
    by_epochs = record(trainer=learn_nothing, options=EpochOptions)
    assert told in outcome_of(check_learns_the_checkerboard, Bench(by_epochs)).reason
    told = "`plugins check toy -o epochs=60`, or -o width=4 where it learns by heart, benches(records,"
    assert told in outcome_of(check_learns_the_checkerboard, Bench(replace(by_epochs, options=Wide))).reason
    assert "-o epochs=60" not in outcome_of(check_learns_the_checkerboard, Bench(record(trainer=learn_nothing))).reason


class SearchedTooFar(PartOptions):
    shrink: float = Field(1.0, description="Added to the counts.", gt=0, json_schema_extra=searched(0.5, 0))


def test_a_value_to_search_that_is_refused_is_found() -> None:
    assert outcome_of(check_options_documented, Bench(record(options=SearchedTooFar))).reason == (
        "searched(...) offers what is refused: option 'shrink' is 0: should be greater than 0; give it another value"
    )


class WithoutDefault(PartOptions):
    shrink: float = Field(description="Added to the counts.")


def test_an_option_without_a_default_is_found_and_named() -> None:
    reasons = failures(Bench(record(options=WithoutDefault)))
    assert reasons["options_documented"] == "option 'shrink' has no default: write Field(default, description=...)"
    assert reasons["trains_with_finite_losses"] == (
        "generator.toy.shrink has no default: give it a value with -o generator.toy.shrink=...; "
        "see `selfrec plugins show toy`"
    )


class QueryAlone(nn.Module):
    """Half of a factored generator."""

    def __init__(self, options: Options, sizes: Sizes) -> None:
        super().__init__()

    def query(self, batch: UserBatch, features: Tensor) -> Tensor:
        return batch.weights[:, :1]


def test_half_of_a_pair_of_methods_is_told_which_one_lacks() -> None:
    broken = replace(record(), build=QueryAlone, trainer=lambda module, fitting: None)
    assert failures(Bench(broken))["shapes_and_dtypes"] == (
        "generator 'toy': its module QueryAlone has no method `item_factors` beside `query`; the contract wants "
        "item_factors() -> float32[N, d]"
    )


class Gru(Neighbours):
    """onnxruntime's GRU aborts the process when it is given no users."""

    def __init__(self, options: Options, sizes: Sizes) -> None:
        super().__init__(options, sizes)
        self.gru = nn.GRU(1, 1, batch_first=True)

    def generate(self, batch: UserBatch, features: Tensor) -> Tensor:
        seen = newest(batch, 3, self.items)
        states, _ = self.gru(seen.weights.unsqueeze(2))
        return super().generate(batch, features) + 1e-3 * states[:, -1]


def test_a_graph_off_the_list_is_refused_and_not_run() -> None:
    reasons = failures(Bench(record(Gru)))
    assert list(reasons) == ["graph_is_allowed"]
    assert "generator 'toy' becomes a graph with GRU" in reasons["graph_is_allowed"]


def test_a_heavy_import_is_found(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "heavy_plugin.py").write_text("import torch\ndef build(options, sizes): ...\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    from heavy_plugin import build

    outcome = outcome_of(check_light_import, Bench(record(build=build)))
    assert not outcome.passed
    assert "importing heavy_plugin imports torch" in outcome.reason


def test_what_a_module_prints_is_no_import(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "loud_plugin.py").write_text(
        "import os\nprint('torch is slow')\nos.write(1, b'torch is slow')\ndef build(options, sizes): ...\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    from loud_plugin import build

    check_light_import(Bench(record(build=build)))


class Grows(Neighbours):
    """Has a buffer only once it is trained."""

    factor: Tensor

    def generate(self, batch: UserBatch, features: Tensor) -> Tensor:
        return super().generate(batch, features) * self.factor


def by_growing(module: Any, fitting: Fitting) -> None:
    count(module, fitting)
    module.register_buffer("factor", module.similar.new_ones(()))


def test_a_buffer_that_only_training_registers_is_said_to_be_missing_in_the_module_as_built() -> None:
    reason = outcome_of(check_state_round_trips, Bench(record(Grows, trainer=by_growing))).reason
    assert reason.startswith(
        "a module as it is built, without training, cannot be asked, so what was learned is not all in its "
        "state_dict: give `build` every buffer, in the size that training leaves (generator 'toy': generate failed: "
        "AttributeError: "
    )
    assert "'Grows' object has no attribute 'factor'" in reason


class Resizes(Neighbours):
    """Its table has another size once it is trained."""

    def generate(self, batch: UserBatch, features: Tensor) -> Tensor:
        return self.own(batch)[:, : len(self.similar)] @ self.similar


def without_padding(module: Any, fitting: Fitting) -> None:
    count(module, fitting)
    module.similar = module.similar[:-1].clone()


def test_a_buffer_that_training_resizes_is_told() -> None:
    reason = outcome_of(check_state_round_trips, Bench(record(Resizes, trainer=without_padding))).reason
    assert reason.startswith("a module as it is built does not take what was learned (Error(s) in loading state_dict ")
    assert "size mismatch for similar" in reason
    assert reason.endswith("give `build` every parameter and buffer, in the size that training leaves")


def by_rounds(module: Neighbours, fitting: Fitting) -> None:
    """All that it learns by is in what a checkpoint keeps: after 4 rounds of x 2 the table is 16 times what it was."""
    count(module, fitting)
    for epoch in fitting.epochs(module, 4):
        module.similar.mul_(2)
        epoch.report(loss=1 / epoch.number)


def test_a_training_is_killed_in_its_middle_and_gone_on_with() -> None:
    bench = Bench(record(trainer=by_rounds))
    gone_on = bench.resumed()
    assert gone_on is not None
    epoch, resumed = gone_on
    assert epoch == 3
    # Each epoch once: two before the kill, and the two that were not kept after it.
    assert [one["loss"] for one in resumed.stages.parts.trained["selection", "generator.toy"].curves] == [
        1, 1 / 2, 1 / 3, 1 / 4,
    ]  # fmt: skip
    similar = Bench(record()).fitted.part.module.state_dict()["similar"]
    assert resumed.part.module.state_dict()["similar"].equal(16 * similar)


def test_what_is_lost_by_a_kill_is_named_with_what_to_do() -> None:
    reason = outcome_of(check_resumes_where_it_was_killed, Bench(record(trainer=counting_rounds))).reason
    assert reason == (
        "similar differs where the training was killed in epoch 3 and resumed: give what learns beside the module "
        "(optimizers, schedulers, second networks) to fitting.epochs(..., state={...}), and draw from epoch.rng"
    )


def test_a_training_of_one_epoch_or_none_has_nothing_to_resume() -> None:
    assert Bench(record()).resumed() is None


class Turned(Neighbours):
    """Its table stands in memory by columns, which a model folder takes as it takes rows."""

    def __init__(self, options: Options, sizes: Sizes) -> None:
        super().__init__(options, sizes)
        self.similar = self.similar.new_zeros(sizes.items, sizes.items + 1).T


def test_a_buffer_in_another_order_of_memory_is_as_good() -> None:
    assert outcome_of(check_state_round_trips, Bench(record(Turned))).reason == ""
