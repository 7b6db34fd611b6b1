"""Every check against a part that breaks just this promise, and a sound part that breaks none."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from pydantic import Field, field_serializer
from torch import Tensor, nn

from selfrec.errors import PluginError
from selfrec.plugin import EpochOptions, Fitting, Generator, PartOptions, Sizes, UserBatch, newest, searched
from selfrec.testing import Bench, benches, parametrize_with_checks, run_checks
from selfrec.testing.checks import (
    CHECKS,
    check_learns_the_checkerboard,
    check_light_import,
    check_options_documented,
    check_same_seed_same_weights,
    check_trains_with_finite_losses,
)
from selfrec.testing.kit import name_of, outcome_of


class Options(PartOptions):
    shrink: float = Field(1.0, description="Added to the counts.")


class Neighbours(nn.Module):
    """A sound generator: an item scores by how many users it shares with the history's."""

    def __init__(self, options: Options, sizes: Sizes) -> None:
        super().__init__()
        self.items = sizes.items
        self.register_buffer("similar", torch.zeros(sizes.items + 1, sizes.items))

    similar: Tensor

    def own(self, batch: UserBatch) -> Tensor:
        empty = batch.weights.new_zeros(batch.history.shape[0], self.items + 1)
        return empty.scatter(1, batch.history, batch.weights)

    def generate(self, batch: UserBatch, features: Tensor) -> Tensor:
        return self.own(batch) @ self.similar


def count(module: Neighbours, fitting: Fitting) -> None:
    rows = fitting.histories
    seen = torch.zeros(len(rows), rows.n_items)
    seen[torch.from_numpy(rows.row_numbers), torch.from_numpy(rows.items).long()] = 1
    module.similar[:-1] = (seen.T @ seen).fill_diagonal_(0) / (len(rows) + fitting.options.shrink)


def record(module: type[Neighbours] = Neighbours, **changes: Any) -> Generator:
    def build(options: Options, sizes: Sizes) -> nn.Module:
        return module(options, sizes)

    sound = Generator(name="toy", summary="A toy.", options=Options, build=build, trainer=count)
    return replace(sound, **changes)


# Parts that break one promise


class Undocumented(PartOptions):
    shrink: float = 1.0


class OneWay(PartOptions):
    """Written as text, the option comes back as another value."""

    shrink: float = Field(1.0, description="Added to the counts.")

    @field_serializer("shrink")
    def _text(self, value: float) -> float:
        return value + 1


def endless(module: Neighbours, fitting: Fitting) -> None:
    for epoch in fitting.epochs(module, 2):
        epoch.report(loss=float("nan"))


class Doubles(Neighbours):
    def generate(self, batch: UserBatch, features: Tensor) -> Tensor:
        return super().generate(batch, features).double()


def learn_nothing(module: Neighbours, fitting: Fitting) -> None:
    module.similar.copy_(torch.rand(module.similar.shape, generator=torch.Generator().manual_seed(3)))


DRAWS = itertools.count()


def differently_each_time(module: Neighbours, fitting: Fitting) -> None:
    count(module, fitting)
    module.similar.add_(1e-3 * next(DRAWS))


class Company(Neighbours):
    def generate(self, batch: UserBatch, features: Tensor) -> Tensor:
        scores = super().generate(batch, features)
        return scores - scores.sum(0, keepdim=True) * 0.01


class CountsSlots(Neighbours):
    def generate(self, batch: UserBatch, features: Tensor) -> Tensor:
        return super().generate(batch, features) / (1 + torch.ones_like(batch.weights).sum(1, keepdim=True))


class IgnoresWeights(Neighbours):
    def own(self, batch: UserBatch) -> Tensor:
        return super().own(batch._replace(weights=(batch.weights > 0).float()))


class Averages(Neighbours):
    def generate(self, batch: UserBatch, features: Tensor) -> Tensor:
        return super().generate(batch, features) / batch.weights.sum(1, keepdim=True)


def only_once(module: Neighbours, fitting: Fitting) -> None:
    count(module, fitting)
    if fitting.fixed_epochs is None and len(fitting.histories) < 100:
        module.similar.fill_(float("nan"))


class Forgets(Neighbours):
    def __init__(self, options: Options, sizes: Sizes) -> None:
        super().__init__(options, sizes)
        self.register_buffer("similar", torch.zeros(sizes.items + 1, sizes.items), persistent=False)


class LooksAtValues(Neighbours):
    def generate(self, batch: UserBatch, features: Tensor) -> Tensor:
        scores = super().generate(batch, features)
        return scores if torch.compiler.is_exporting() else scores * 1.01 + 0.5 * (batch.history == 3).any(1)[:, None]


class Sorts(Neighbours):
    """Bitwise operations are not on the list of what every runtime has."""

    def generate(self, batch: UserBatch, features: Tensor) -> Tensor:
        scores = super().generate(batch, features)
        return scores + 0 * torch.bitwise_and(batch.history, 1).float().sum(1, keepdim=True)


class Counts(Neighbours):
    """Every export finds another constant."""

    def generate(self, batch: UserBatch, features: Tensor) -> Tensor:
        scores = super().generate(batch, features)
        return scores + float(next(DRAWS)) if torch.compiler.is_exporting() else scores


BROKEN: dict[str, Callable[[], Generator]] = {
    "options_documented": lambda: record(options=Undocumented),
    "options_round_trip": lambda: record(options=OneWay),
    "trains_with_finite_losses": lambda: record(trainer=endless),
    "shapes_and_dtypes": lambda: record(Doubles),
    "learns_the_checkerboard": lambda: record(trainer=learn_nothing),
    "same_seed_same_weights": lambda: record(trainer=differently_each_time),
    "independent_of_the_batch": lambda: record(Company),
    "independent_of_padding": lambda: record(CountsSlots),
    "weights_count": lambda: record(IgnoresWeights),
    "survives_empty_histories": lambda: record(Averages),
    "refits": lambda: record(trainer=only_once),
    "state_round_trips": lambda: record(Forgets),
    "graph_equals_torch": lambda: record(LooksAtValues),
    "graph_is_allowed": lambda: record(Sorts),
    "graph_bytes_are_stable": lambda: record(Counts),
}
ALONE = set(BROKEN) - {
    "trains_with_finite_losses",  # nothing that was not trained can be looked at
    "shapes_and_dtypes",  # a wrong dtype is refused wherever it is met
    "survives_empty_histories",  # 0 / 0 is met in every batch with an empty history
    "graph_bytes_are_stable",  # a graph that changes is not the module either
    "independent_of_padding",  # a graph puts one padding slot in front, for runtimes without empty tensors
    "independent_of_the_batch",  # the checkerboard and the graph's edge batches see it too
    "refits",
}
"""Broken parts that only their own check may notice. `light_import` has a test of its own."""

# These import nothing heavy in a plugin of their own; here they stand in a test module that imports torch.
ELSEWHERE = {"light_import", "independent_of_the_candidates_places"}


def failures(bench: Bench) -> dict[str, str]:
    """Which checks fail, and why; those of ELSEWHERE are not run, since they would import torch anew each time."""
    outcomes = [outcome_of(check, bench) for check in CHECKS if name_of(check) not in ELSEWHERE]
    return {outcome.check: outcome.reason for outcome in outcomes if not outcome.passed}


def test_a_sound_part_passes() -> None:
    outcomes = run_checks(Bench(record()))
    assert [outcome.check for outcome in outcomes] == [name_of(check) for check in CHECKS]
    assert {outcome.check for outcome in outcomes if not outcome.passed} <= ELSEWHERE


def test_every_check_has_a_broken_part() -> None:
    assert set(BROKEN) | ELSEWHERE == {name_of(check) for check in CHECKS}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_part_is_found(name: str) -> None:
    bench = Bench(BROKEN[name]())
    if name in ALONE:
        found = failures(bench)
        assert set(found) == {name}
        reason = found[name]
    else:
        (own,) = [check for check in CHECKS if name_of(check) == name]
        outcome = outcome_of(own, bench)
        assert not outcome.passed
        reason = outcome.reason
    assert len(reason) > 20
    assert "\n" not in reason


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


def test_a_part_by_epochs_that_learns_too_little_is_told_to_learn_longer() -> None:
    told = "may need other options than its own (120 users are one batch, as a rule): `plugins check NAME -o epochs=60`"
    by_epochs = record(trainer=learn_nothing, options=EpochOptions)
    assert told in outcome_of(check_learns_the_checkerboard, Bench(by_epochs)).reason
    assert told not in outcome_of(check_learns_the_checkerboard, Bench(record(trainer=learn_nothing))).reason


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
    (tmp_path / "loud_plugin.py").write_text("print('torch is slow')\ndef build(options, sizes): ...\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    from loud_plugin import build

    check_light_import(Bench(record(build=build)))


def test_expected_failures_must_name_a_check() -> None:
    with pytest.raises(ValueError, match="no check: learns_chess"):
        parametrize_with_checks(benches([record()]), expected_failures={"learns_chess": "it is hard"})


def with_a_start_from_torch(module: Neighbours, fitting: Fitting) -> None:
    count(module, fitting)
    module.similar.add_(1e-3 * torch.rand(module.similar.shape))


def test_torch_draws_from_the_seed_whatever_was_drawn_before() -> None:
    bench = Bench(record(trainer=with_a_start_from_torch))
    torch.manual_seed(5)
    before = torch.get_rng_state()
    first = bench.fit().part.module.state_dict()["similar"]
    assert torch.equal(torch.get_rng_state(), before)
    torch.rand(7)
    assert torch.equal(first, bench.fit().part.module.state_dict()["similar"])
    assert not torch.equal(first, bench.fit(seed=1).part.module.state_dict()["similar"])
    assert outcome_of(check_same_seed_same_weights, bench).passed


def in_double_precision(module: Neighbours, fitting: Fitting) -> None:
    torch.set_default_dtype(torch.float64)
    torch.set_grad_enabled(False)
    count(module, fitting)


def test_what_a_trainer_sets_in_torch_ends_with_it() -> None:
    """The part after it would fail, and be blamed."""
    assert Bench(record(trainer=in_double_precision)).fit().part.module.state_dict()["similar"].dtype == torch.float32
    assert (torch.get_default_dtype(), torch.is_grad_enabled()) == (torch.float32, True)


def test_excuses_must_name_a_check() -> None:
    with pytest.raises(PluginError) as raised:
        benches([record(excused={"learns_the_checkerbord": "it is hard"})])
    assert str(raised.value) == (
        "generator 'toy': excused names no check 'learns_the_checkerbord'; did you mean 'learns_the_checkerboard'?"
    )


class ReadsColumns(Neighbours):
    """Columns of users and items meet in a matrix, on top of a sound part."""

    def __init__(self, options: Options, sizes: Sizes) -> None:
        super().__init__(options, sizes)
        self.register_buffer("meeting", torch.zeros(sizes.user_features, sizes.item_features))
        self.register_buffer("columns", torch.zeros(sizes.items, sizes.item_features))

    meeting: Tensor
    columns: Tensor

    def generate(self, batch: UserBatch, features: Tensor) -> Tensor:
        return super().generate(batch, features) + batch.user_features @ self.meeting @ self.columns.T


def count_and_keep_columns(module: ReadsColumns, fitting: Fitting) -> None:
    count(module, fitting)
    assert fitting.item_features is not None
    module.columns.copy_(torch.from_numpy(fitting.item_features))
    module.meeting.fill_(1e-3)


@pytest.mark.parametrize("asked", [True, False])
def test_columns_of_users_and_items_are_on_the_bench(asked: bool) -> None:
    inputs: Any = frozenset({"user_features"}) if asked else frozenset()
    bench = Bench(record(ReadsColumns, trainer=count_and_keep_columns, inputs=inputs))
    if asked:
        assert failures(bench) == {}
        assert bench.fitted.recommender.extra_inputs == ["user_features"]
    else:
        reasons = failures(bench)
        assert "reads batch.user_features, which its record does not ask for" in reasons["shapes_and_dtypes"]
