"""Runs on a toy data set: what is there is not made again, what changed is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import selfrec
from benchmarks import accuracy
from benchmarks.offline import records
from benchmarks.offline.baselines import BASELINES, FULL_ITEMS, Baseline, Search, _popularity
from benchmarks.offline.item_item import gram
from benchmarks.offline.lists import Score, matrix
from benchmarks.offline.protocols import ALL, Protocol
from benchmarks.offline.running import Bench, stale
from selfrec.evaluation.groups import ALL_USERS
from selfrec.histories import Histories
from tests.benchmarks.toy import write_toy

PUBLISHED = next(protocol for protocol in ALL if protocol.name == "cfgan-ml100k")
TOY = replace(PUBLISHED, name="toy", title="Toy", folder="toy")
BY_NAME = {baseline.name: baseline for baseline in BASELINES}


class Counting:
    """A baseline that counts its fits; options["good"]: whether it takes the items of shared users or the others."""

    def __init__(self, **changes: Any) -> None:
        self.fits: list[tuple[int, bool]] = []
        search = Search(({"good": False}, {"good": True}))
        self.baseline = replace(
            Baseline(name="counting", title="Counting", fit=self._fit, search=search, needs=("numpy",)), **changes
        )

    def _fit(self, histories: Histories, options: Mapping[str, Any], seed: int) -> Score:
        self.fits.append((len(histories.items), options["good"]))
        shared = gram(matrix(histories))
        sign = 1 if options["good"] else -1
        return lambda asked: (sign * (matrix(asked) @ shared)).astype(np.float32)


@pytest.fixture
def bench(tmp_path: Path) -> Callable[..., tuple[Bench, list[str]]]:
    write_toy(tmp_path)

    def make(**options: Any) -> tuple[Bench, list[str]]:
        said: list[str] = []
        given: dict[str, Any] = {"protocols": (TOY,), "presets": (), **options}
        return Bench(tmp_path, tmp_path / "out", say=said.append, **given), said

    return make


def run(bench: Bench, *only: str, seeds: tuple[int, ...] = (0,)) -> int:
    return bench.run(list(bench.jobs(only, seeds)))


def test_options_are_chosen_on_validation_and_fitted_with_it(bench, tmp_path: Path) -> None:
    counting = Counting()
    made, _ = bench(baselines=(counting.baseline,))
    assert run(made) == 0
    # Of five train items one is hidden to choose on: 240 slots, then 300.
    assert counting.fits == [(240, False), (240, True), (300, True)]
    record = records.read(records.path_of(tmp_path / "out", "toy", "counting", 0))
    assert record is not None
    assert record.options == {"good": True}
    assert [trial.options for trial in record.trials] == [{"good": False}, {"good": True}]
    assert record.groups[ALL_USERS].users == 60
    assert record.groups[ALL_USERS].metrics["recall@5"] == 1.0
    assert len(record.groups[ALL_USERS].ndcg) == 60


def test_a_second_run_fits_nothing(bench, tmp_path: Path) -> None:
    counting = Counting()
    made, _ = bench(baselines=(counting.baseline,))
    run(made)
    before = records.path_of(tmp_path / "out", "toy", "counting", 0).read_bytes()
    again, said = bench(baselines=(counting.baseline,))
    run(again)
    assert len(counting.fits) == 3
    assert said == ["toy:counting seed 0: there"]
    assert records.path_of(tmp_path / "out", "toy", "counting", 0).read_bytes() == before


def test_a_changed_search_or_other_rows_are_run_again(bench, tmp_path: Path) -> None:
    counting = Counting()
    run(bench(baselines=(counting.baseline,))[0])
    counting.baseline = replace(counting.baseline, search=Search(({"good": True},)))
    run(bench(baselines=(counting.baseline,))[0])
    assert counting.fits[3:] == [(300, True)]
    protocol = replace(TOY, options=(*TOY.options, "cleaning.max_history=3"))
    run(bench(baselines=(counting.baseline,), protocols=(protocol,))[0])
    assert counting.fits[4:] == [(180, True)]


def test_a_search_that_was_cut_off_goes_on(bench, tmp_path: Path) -> None:
    counting = Counting()
    fit = counting.baseline.fit

    def cut_off(histories: Histories, options: Mapping[str, Any], seed: int) -> Score:
        if options["good"]:
            raise KeyboardInterrupt
        return fit(histories, options, seed)

    with pytest.raises(KeyboardInterrupt):
        run(bench(baselines=(replace(counting.baseline, fit=cut_off),))[0])
    run(bench(baselines=(counting.baseline,))[0])
    assert counting.fits == [(240, False), (240, True), (300, True)]
    record = records.read(records.path_of(tmp_path / "out", "toy", "counting", 0))
    assert record is not None
    assert record.search_seconds == pytest.approx(sum(trial.seconds for trial in record.trials))
    assert [path.name for path in (tmp_path / "out" / "toy" / "counting").iterdir()] == ["seed-0.json"]


def test_trials_of_another_search_are_not_taken(bench, tmp_path: Path) -> None:
    path = records.trials_path(tmp_path / "out", "toy", "counting", 0)
    path.parent.mkdir(parents=True)
    trial = records.Trial(options={"good": False}, ndcg=9.0, seconds=1.0)
    path.write_text(records.Trials(key="another", trials=[trial]).model_dump_json())
    counting = Counting()
    run(bench(baselines=(counting.baseline,))[0])
    assert len(counting.fits) == 3


def test_a_broken_record_is_made_again(bench, tmp_path: Path) -> None:
    counting = Counting()
    run(bench(baselines=(counting.baseline,))[0])
    path = records.path_of(tmp_path / "out", "toy", "counting", 0)
    path.write_text(path.read_text()[:100])
    run(bench(baselines=(counting.baseline,))[0])
    assert len(counting.fits) == 6
    assert records.read(path) is not None


def test_what_no_seed_changes_is_fitted_once(bench, tmp_path: Path) -> None:
    """A split by time is the same for every seed."""
    protocol = Protocol(name="toy", title="Toy", folder="toy", options=(*TOY.options, "split.validation=0.5"))
    fixed, drawn = Counting(), Counting(name="drawn", seeded=True)
    write_fixed_validation(tmp_path)
    made, said = bench(baselines=(fixed.baseline, drawn.baseline), protocols=(protocol,))
    run(made, seeds=(0, 1))
    assert (len(fixed.fits), len(drawn.fits)) == (3, 6)
    assert "toy:counting seed 1: the same rows as seed 0, and nothing drawn" in said
    copied = records.read(records.path_of(tmp_path / "out", "toy", "counting", 1))
    assert copied is not None
    assert copied.seed == 1


def write_fixed_validation(data: Path) -> None:
    """The toy with validation rows of its own, so that nothing is drawn."""
    import duckdb

    path = data / "toy" / "interactions.parquet"
    duckdb.sql(f"CREATE OR REPLACE TABLE rows AS FROM '{path}'")
    duckdb.sql(
        f"""
        COPY (SELECT user_id, item_id, CASE WHEN split = 'train' AND item_id % 8 = (user_id // 2 + 1) % 8
              THEN 'validation' ELSE split END AS split FROM rows) TO '{path}' (FORMAT parquet)"""
    )


def test_what_is_tried_after_the_grid_starts_from_its_best(bench, tmp_path: Path) -> None:
    counting = Counting(search=Search(({"good": False}, {"good": True}), then=({"more": 1}, {"good": False})))
    run(bench(baselines=(counting.baseline,))[0])
    record = records.read(records.path_of(tmp_path / "out", "toy", "counting", 0))
    assert record is not None
    assert [trial.options for trial in record.trials][2:] == [{"good": True, "more": 1}, {"good": False}]
    assert record.options == {"good": True}


def test_too_large_says_why_and_large_runs_it(bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchmarks.offline.baselines.FULL_ITEMS", 10)
    counting = Counting(dense=True, large_search=Search(({"good": True},)))
    run(bench(baselines=(counting.baseline,))[0])
    path = records.path_of(tmp_path / "out", "toy", "counting", 0)
    record = records.read(path)
    assert record is not None
    assert record.left_out == "too large: 16 x 16 numbers, 0.0 GB; --large fits it"
    assert not counting.fits
    run(bench(baselines=(counting.baseline,), large=True)[0])
    record = records.read(path)
    assert record is not None
    assert record.left_out is None
    assert counting.fits == [(300, True)]
    # Without --large the figures stay.
    run(bench(baselines=(counting.baseline,))[0])
    assert records.read(path) == record


def test_too_large_for_the_memory() -> None:
    ease = BY_NAME["ease"]
    assert ease.too_large(1_000, large=False, memory=10**9) is None
    assert ease.too_large(FULL_ITEMS + 1, large=True, memory=10**10) is None
    assert ease.too_large(40_981, large=True, memory=8 * 10**9) == (
        "too large: 40,981 x 40,981 numbers, 6.7 GB; 8.0 GB free"
    )
    assert BY_NAME["itemknn"].too_large(10**6, large=False, memory=1) is None


def test_popularity_with_a_half_life() -> None:
    histories = Histories.from_rows([[0, 1], [1, 2]], 3)
    aged = replace(histories, ages=np.array([0, 10, 20, 0], dtype=np.float32))
    score = _popularity(aged, {"half_life_days": 10.0}, 0)
    assert score(Histories.from_rows([[]], 3)).tolist() == [[1.0, 0.75, 1.0]]
    assert _popularity(aged, {"half_life_days": None}, 0)(histories)[1].tolist() == [1.0, 2.0, 1.0]


@pytest.mark.parametrize("name", ["itemknn", "ease", "edlae", "ials"])
def test_baselines_know_the_two_tastes(name: str, bench, tmp_path: Path) -> None:
    if name == "ials":
        pytest.importorskip("implicit", reason="the baseline iALS needs the extra 'benchmark'")
    run(bench(baselines=(BY_NAME[name],))[0])
    record = records.read(records.path_of(tmp_path / "out", "toy", name, 0))
    assert record is not None
    # Three items of the own taste are not seen, one of them hidden.
    assert record.groups[ALL_USERS].metrics["recall@5"] == 1.0


def test_a_missing_data_set_is_skipped_once(tmp_path: Path) -> None:
    said: list[str] = []
    bench = Bench(tmp_path, tmp_path / "out", protocols=(TOY,), say=said.append)
    assert run(bench, seeds=(0, 1)) == 0
    assert said == [f"toy: skipped, {tmp_path / 'toy' / 'interactions.parquet'} is not there (see SELFREC_DATA)"]


def test_a_failure_does_not_stop_the_others(bench, tmp_path: Path) -> None:
    def fail(*_: object) -> Score:
        raise ImportError("no module named 'implicit'")

    counting = Counting()
    broken = replace(counting.baseline, name="broken", fit=fail)
    made, said = bench(baselines=(broken, counting.baseline))
    assert run(made) == 1
    assert "toy:broken seed 0: failed, ImportError: no module named 'implicit'" in said
    assert records.read(records.path_of(tmp_path / "out", "toy", "counting", 0)) is not None


def test_jobs_by_pattern(bench) -> None:
    made, _ = bench(baselines=BASELINES, presets=("default", "fast"), protocols=ALL)
    assert [str(job) for job in made.jobs(["tafeng-t*:e*", "cfgan-ml100k:fast"], [0, 1])] == [
        "cfgan-ml100k:fast seed 0",
        "cfgan-ml100k:fast seed 1",
        "tafeng-temporal:ease seed 0",
        "tafeng-temporal:edlae seed 0",
        "tafeng-temporal:ease seed 1",
        "tafeng-temporal:edlae seed 1",
    ]
    assert len(list(made.jobs([], [0]))) == len(ALL) * (len(BASELINES) + 2)


def test_records_of_other_code_are_named(bench, tmp_path: Path) -> None:
    run(bench(baselines=(Counting().baseline,))[0])
    [record] = records.read_all(tmp_path / "out")
    assert stale([record]) == []
    older = record.model_copy(update={"identity": {**record.identity, "code": "0" * 64}, "seed": 7})
    assert stale([record, older]) == ["toy:counting seed 7"]


@pytest.mark.slow
def test_a_preset_measures_as_evaluate_does(bench, tmp_path: Path) -> None:
    overrides = ("training.threads=1",)
    made, _ = bench(baselines=(), presets=("fast",), overrides=overrides)
    assert run(made) == 0
    record = records.read(records.path_of(tmp_path / "out", "toy", "fast", 0))
    assert record is not None
    model = selfrec.fit(TOY.source(tmp_path), tmp_path / "model", config=TOY.config(0, "fast", overrides))
    evaluation = model.evaluate(TOY.source(tmp_path))
    for group in evaluation.groups:
        assert record.groups[group.name].users == group.users
        for metric, value in group.model.items():
            assert record.groups[group.name].metrics[metric] == pytest.approx(value)
    assert record.lists["coverage@20"] == pytest.approx(evaluation.lists[f"coverage@{evaluation.main_cutoff}"])
    assert sum(stage["exported"] for stage in record.stages) == 1


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_toy(tmp_path, "cfgan-ml100k")
    given = ["--data", str(tmp_path), "--out", str(tmp_path / "out"), "--seeds", "0,1"]
    assert accuracy.main([*given, "--only", "cfgan-ml100k:popularity", "--only", "cfgan-ml100k:ease"]) == 0
    out, err = capsys.readouterr()
    assert out.startswith("| data, split | metrics | popularity | EASE |")
    assert "cfgan-ml100k:ease seed 1: " in err
    assert (tmp_path / "out" / "summary.md").read_text() == out
    full = (tmp_path / "out" / "tables.md").read_text()
    assert accuracy.main([*given, "--table"]) == 0
    assert capsys.readouterr() == (out, "")
    assert (tmp_path / "out" / "tables.md").read_text() == full
    assert accuracy.main([*given, "--only", "nothing"]) == 2
