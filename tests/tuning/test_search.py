"""The search: which trials are run, when it ends, and which options win."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from enum import Enum
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from pydantic import Field

from selfrec.errors import PluginError
from selfrec.histories import Histories
from selfrec.host.manager import PluginManager
from selfrec.host.records import Kind, PartRecord
from selfrec.pipeline.measure import Measured
from selfrec.plugin import PartOptions, searched
from selfrec.settings.config import load_config
from selfrec.settings.search import Dimension, dimensions_of, in_short
from selfrec.tuning.samplers import LocalSampler, OptunaSampler, Sampler
from selfrec.tuning.search import Ended, SearchRequest, search
from selfrec.tuning.space import Options, in_effect, space_of, with_options

SPACE = [Dimension("generator.toy.depth", (1, 2, 3)), Dimension("generator.toy.width", (8, 16))]


class ToyOptions(PartOptions):
    depth: int = Field(1, json_schema_extra=searched(1, 2, 3), description="Searched.")
    width: int = Field(8, description="Not searched.")


def measured(ndcg: float, spread: float = 0.0) -> Measured:
    """Four users around the mean, the same users up and down in every trial."""
    users = np.array([ndcg - spread, ndcg + spread, ndcg - spread, ndcg + spread], dtype=np.float32)
    return Measured({"ndcg@20": ndcg}, users)


def depth_counts(options: Options) -> Measured:
    return measured(0.1 * options.get("generator.toy.depth", 1))


def test_the_best_trial_wins() -> None:
    found = search(depth_counts, LocalSampler(SPACE, 0), SearchRequest(trials=5))
    assert len(found.trials) == 6
    assert found.trials[0].options == {}
    assert found.options["generator.toy.depth"] == 3
    assert found.trials[found.chosen].metrics == {"ndcg@20": pytest.approx(0.3)}


def test_all_of_a_small_space_is_tried_once() -> None:
    found = search(depth_counts, LocalSampler(SPACE, 3), SearchRequest(trials=1000))
    keys = [repr(sorted(trial.options.items())) for trial in found.trials]
    assert len(keys) == len(set(keys)) <= (3 + 1) * (2 + 1)


@pytest.mark.parametrize("sampler", [LocalSampler, lambda space, seed: OptunaSampler(space, seed, None)])
def test_what_trains_the_same_model_is_tried_once(sampler: Callable[[list[Dimension], int], Sampler]) -> None:
    """Only the depth has an effect, and the first depth is the one that it has anyway."""
    found = search(
        depth_counts,
        sampler(SPACE, 1),
        SearchRequest(trials=20, effect=lambda options: str(options.get("generator.toy.depth", 1))),
    )
    assert sorted(trial.options.get("generator.toy.depth", 1) for trial in found.trials) == [1, 2, 3]
    assert found.options["generator.toy.depth"] == 3


def test_a_failure_is_not_tried_again() -> None:
    def run(options: Options) -> Measured:
        if options:
            raise PluginError("generator 'toy': NaN")
        return measured(0.1)

    found = search(run, LocalSampler(SPACE, 0), SearchRequest(trials=20, effect=lambda options: str(bool(options))))
    assert [trial.failed for trial in found.trials] == ["", "generator 'toy': NaN"]


def test_one_seed_gives_the_same_trials() -> None:
    first, second = (search(depth_counts, LocalSampler(SPACE, 5), SearchRequest(trials=4)) for _ in range(2))
    assert [t.options for t in first.trials] == [t.options for t in second.trials]


def test_a_search_that_was_killed_goes_on_from_its_trials() -> None:
    kept: list[list[Ended]] = []
    whole = search(depth_counts, LocalSampler(SPACE, 5), SearchRequest(trials=5, keep=lambda all: kept.append([*all])))
    assert [len(all) for all in kept] == [1, 2, 3, 4, 5, 6]

    ran: list[Options] = []

    def run(options: Options) -> Measured:
        ran.append(options)
        return depth_counts(options)

    again = search(run, LocalSampler(SPACE, 5), SearchRequest(trials=5, earlier=kept[2]))
    assert again.chosen == whole.chosen
    assert [trial.options for trial in again.trials] == [trial.options for trial in whole.trials]
    assert ran == [trial.options for trial in whole.trials[3:]]


def test_what_a_killed_search_took_counts_towards_its_budget() -> None:
    now = [0.0]

    def run(options: Options) -> Measured:
        now[0] += 10
        return depth_counts(options)

    kept: list[list[Ended]] = []
    limits = SearchRequest(seconds=35, clock=lambda: now[0])
    search(run, LocalSampler(SPACE, 0), replace(limits, keep=lambda all: kept.append([*all])))
    again = search(run, LocalSampler(SPACE, 0), replace(limits, earlier=kept[1]))
    assert len(again.trials) == 3
    assert now[0] == 40


def test_a_win_within_chance_changes_nothing() -> None:
    """+.01 on two users of four and -.009 on the others: the mean is better, one standard error is more."""

    def run(options: Options) -> Measured:
        users = np.full(4, 0.2, dtype=np.float32)
        if options:
            users += np.array([0.01, -0.009, 0.01, -0.009], dtype=np.float32)
        return Measured({"ndcg@20": float(users.mean())}, users)

    found = search(run, LocalSampler(SPACE, 0), SearchRequest(trials=3))
    assert found.chosen == 0
    assert found.options == {}


def test_the_budget_ends_it_before_a_trial_that_would_outlast_it() -> None:
    now = [0.0]

    def run(options: Options) -> Measured:
        now[0] += 10
        return depth_counts(options)

    found = search(run, LocalSampler(SPACE, 0), SearchRequest(seconds=35, clock=lambda: now[0]))
    assert [trial.seconds for trial in found.trials] == [10, 10, 10]


def test_the_first_trial_runs_whatever_the_budget() -> None:
    assert len(search(depth_counts, LocalSampler(SPACE, 0), SearchRequest(seconds=1e-9)).trials) == 1


def test_a_failed_trial_is_told_and_passed_over() -> None:
    def run(options: Options) -> Measured:
        if options:
            raise PluginError("generator 'toy': NaN")
        return measured(0.1)

    found = search(run, LocalSampler(SPACE, 0), SearchRequest(trials=2))
    assert [trial.failed for trial in found.trials] == ["", "generator 'toy': NaN", "generator 'toy': NaN"]
    assert found.chosen == 0


def test_a_failure_of_the_options_as_they_stand_is_a_failure() -> None:
    def run(options: Options) -> Measured:
        raise PluginError("broken")

    with pytest.raises(PluginError, match="broken"):
        search(run, LocalSampler(SPACE, 0), SearchRequest(trials=2))


def test_nothing_to_measure_on_ends_the_search() -> None:
    found = search(lambda options: None, LocalSampler(SPACE, 0), SearchRequest(trials=5))
    assert len(found.trials) == 1
    assert found.options == {}


def test_options_that_are_given_are_not_searched() -> None:
    assert dimensions_of(ToyOptions, "generator.toy", {}) == [Dimension("generator.toy.depth", (1, 2, 3))]
    assert dimensions_of(ToyOptions, "generator.toy", {"depth": 2}) == []


class Cell(Enum):
    GRU = "gru"
    LSTM = "lstm"


class Sizes(PartOptions):
    width: int = Field(8, description="Width.", json_schema_extra=searched(4, 8))
    depth: int = Field(2, description="Depth.", json_schema_extra=searched(1, 2))


class Nested(PartOptions):
    cell: Cell = Field(Cell.GRU, description="Cell.", json_schema_extra=searched(Cell.GRU, Cell.LSTM))
    sizes: Sizes = Field(Sizes(), description="Sizes.")


def test_options_in_tables_are_searched_and_enums_are_their_values() -> None:
    found = dimensions_of(Nested, "generator.toy", {"sizes": {"depth": 1}})
    assert found == [
        Dimension("generator.toy.cell", ("gru", "lstm")),
        Dimension("generator.toy.sizes.width", (4, 8)),
    ]
    chosen = {"generator.toy.sizes.width": 4, "generator.toy.cell": "lstm"}
    config = with_options(load_config(overrides=["pipeline.generators=toy", "generator.toy.sizes.depth=1"]), chosen)
    assert config.generator["toy"] == {"sizes": {"depth": 1, "width": 4}, "cell": "lstm"}
    assert in_short(chosen) == "toy.sizes.width 4, toy.cell lstm"


def test_a_search_needs_two_values() -> None:
    with pytest.raises(ValueError, match="at least two"):
        searched(1)


def rows(users: int, items: int, each: int) -> Histories:
    """Histories of `each` of the items."""
    rng = np.random.default_rng(0)
    chosen = np.concatenate([np.sort(rng.permutation(items)[:each]) for _ in range(users)]).astype(np.int32)
    ones, none = np.ones(len(chosen), dtype=np.float32), np.zeros(len(chosen), dtype=np.float32)
    offsets = np.arange(users + 1, dtype=np.int64) * each
    return Histories(n_items=items, offsets=offsets, items=chosen, weights=ones, ages=none)


DENSE, SPARSE = rows(40, 50, 10), rows(40, 2000, 10)

TEMPERATURE = "extractor.autoencoder.temperature=0.18"
SHARE = "extractor.autoencoder.elsa_share=2.0"


@pytest.mark.parametrize(
    ("histories", "given", "tried", "same"),
    [
        (DENSE, ["extractor.autoencoder.width=8"], TEMPERATURE, True),
        (DENSE, ["extractor.autoencoder.width=8"], SHARE, True),
        (DENSE, ["extractor.autoencoder.width=8"], "extractor.autoencoder.dropout=0.7", False),
        (DENSE, ["extractor.autoencoder.width=8"], "extractor.autoencoder.objective=elsa", False),
        (DENSE, [], TEMPERATURE, False),
        (DENSE, [], SHARE, False),
        (SPARSE, [], SHARE, True),
        (SPARSE, [], TEMPERATURE, False),
        (SPARSE, [], "extractor.autoencoder.temperature=0.12", True),
        (SPARSE, [], "extractor.autoencoder.objective=softmax", True),
        (SPARSE, ["extractor.autoencoder.objective=elsa"], TEMPERATURE, True),
        (SPARSE, [], "generator.slim.l2=3", False),
        (SPARSE, [], "generator.slim.l2=10", True),
    ],
)
def test_what_is_in_effect(histories: Histories, given: list[str], tried: str, same: bool) -> None:
    plugins = PluginManager.load()
    one, other = (
        in_effect(load_config(overrides=overrides), plugins, histories) for overrides in (given, [*given, tried])
    )
    assert (one == other) is same


def test_a_part_that_cannot_say_what_is_in_effect_is_named() -> None:
    def broken(options: PartOptions, histories: Histories) -> dict[str, Any]:
        raise ZeroDivisionError("no rows")

    record = replace(PluginManager.load().get("extractor", "autoencoder"), in_effect=broken)

    class Records:
        def get(self, kind: Kind, name: str) -> PartRecord:
            return record

    with pytest.raises(PluginError, match="extractor 'autoencoder': in_effect failed: ZeroDivisionError: no rows; the"):
        in_effect(load_config(), Records(), DENSE)


def test_the_space_of_the_default_pipeline_names_every_option_once() -> None:
    config = load_config(overrides=["extractor.autoencoder.dropout=0.4"])
    names = [dimension.name for dimension in space_of(config, PluginManager.load())]
    assert "extractor.autoencoder.temperature" in names
    assert "extractor.autoencoder.dropout" not in names
    assert len(names) == len(set(names))
    assert not any(name.startswith("generator.autoencoder.") for name in names)


def test_every_declared_value_is_a_valid_option() -> None:
    plugins = PluginManager.load()
    for preset in ("default", "full"):
        config = load_config(preset=preset)
        for dimension in space_of(config, plugins):
            kind, label, option = dimension.name.split(".")
            record = plugins.get(cast(Kind, kind), label)
            for value in dimension.values:
                found = with_options(config, {dimension.name: value})
                assert getattr(record.options.model_validate(getattr(found, kind)[label]), option) == value


def test_a_study_goes_on_from_its_best(tmp_path: Path) -> None:
    journal = tmp_path / "study.log"
    first = search(depth_counts, OptunaSampler(SPACE, 0, journal), SearchRequest(trials=6))
    assert first.options["generator.toy.depth"] == 3
    again = OptunaSampler(SPACE, 1, journal)
    proposed = again.propose(1)
    assert proposed is not None
    assert proposed["generator.toy.depth"] == 3


def test_options_in_short() -> None:
    assert in_short({"generator.gan.dropout": 0.3, "generator.slim.l2": 8}) == "gan.dropout 0.3, slim.l2 8"
    assert in_short({}) == "as they stand"
