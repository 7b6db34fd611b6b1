"""Many shards on many threads, where a second shard begins before the first has ended."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

import pytest

from selfrec.errors import ModelError
from selfrec.histories import Histories
from selfrec.model_folder.reading import Model
from selfrec.scoring import workers
from selfrec.scoring.job import score_table
from selfrec.scoring.kernel import Scorer
from selfrec.scoring.running import GraphRunner
from selfrec.scoring.targets import parse_target
from selfrec.settings.tables import ScoringSettings
from tests.scoring.shops import leftovers, read_rows, write_many


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    write_many(tmp_path / "shop.duckdb", users=12_000)
    return tmp_path / "shop.duckdb"


def settings(threads: int) -> ScoringSettings:
    return ScoringSettings(k=2, shard_rows=1000, threads=threads)


def test_the_result_is_the_same_and_told_in_order(model: Model, shop: Path) -> None:
    told: list[int] = []
    done: list[int] = []

    def tell(event: str, /, **what: Any) -> None:
        if event == "shard":
            told.append(what["shard"])

    for threads in (1, 16):
        target = parse_target(str(shop), into=f"on_{threads}")
        score_table(
            model, str(shop), target, settings(threads), progress=lambda users, _: done.append(users), tell=tell
        )
    assert told == [*range(12), *range(12)]
    assert max(done) == 12_000
    rows = read_rows(shop, "on_1")
    assert len(rows) == 24_000
    assert read_rows(shop, "on_16") == rows
    scoring = [one.name for one in threading.enumerate() if one.name.startswith(("selfrec-shard", "selfrec-read"))]
    assert scoring == []


def test_no_more_runs_at_a_time_than_threads(model: Model, shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plain, lock = GraphRunner.run, threading.Lock()
    running: list[int] = []
    most: list[int] = []

    def run(runner: GraphRunner, *given: Any) -> Any:
        with lock:
            running.append(1)
            most.append(len(running))
        try:
            time.sleep(0.002)
            return plain(runner, *given)
        finally:
            with lock:
                running.pop()

    monkeypatch.setattr(GraphRunner, "run", run)
    for threads in (1, 2, 5):
        most.clear()
        score_table(model, str(shop), parse_target(str(shop), into="lists"), settings(threads))
        assert max(most) == threads


@pytest.mark.parametrize("threads", [1, 4])
def test_a_scorer_that_is_stopped_ends_its_calls(model: Model, monkeypatch: pytest.MonkeyPatch, threads: int) -> None:
    scorer = Scorer(model, settings(threads))
    rows = Histories.from_rows([[number % 5] for number in range(192 * 40)], 6)
    assert len(scorer.score(rows).items) == len(rows)
    plain, runs = GraphRunner.run, []

    def run(runner: GraphRunner, *given: Any) -> Any:
        runs.append(1)
        scorer.stop()
        return plain(runner, *given)

    monkeypatch.setattr(GraphRunner, "run", run)
    for _ in range(2):
        with pytest.raises(RuntimeError, match="stopped"):
            scorer.score(rows)
    assert 1 <= len(runs) <= threads


def test_an_interrupt_leaves_no_batches_to_run(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    scorer = Scorer(model, settings(2))
    rows = Histories.from_rows([[number % 5] for number in range(192 * 40)], 6)
    runs: list[int] = []
    interrupted = threading.Event()

    def run(*_: Any) -> Any:
        runs.append(1)
        interrupted.wait(5)
        raise AssertionError("not looked at")

    def interrupt(_: Any) -> None:
        interrupted.set()
        raise KeyboardInterrupt

    monkeypatch.setattr(GraphRunner, "run", run)
    monkeypatch.setattr(workers, "wait", interrupt)
    with pytest.raises(KeyboardInterrupt):
        scorer.score(rows)
    time.sleep(0.1)
    assert len(runs) <= 2


def test_a_shard_that_fails_ends_the_run(
    model: Model, shop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain, calls = Scorer.score, []

    def score(scorer: Scorer, *histories: Any, **more: Any) -> Any:
        calls.append(1)
        if len(calls) == 5:
            raise ModelError("the fifth shard")
        return plain(scorer, *histories, **more)

    monkeypatch.setattr(Scorer, "score", score)
    target = parse_target(str(shop), into="lists")
    with pytest.raises(ModelError, match="the fifth shard"):
        score_table(model, str(shop), target, settings(16))
    assert len(calls) < 8
    assert len(leftovers(tmp_path)) == 1
    monkeypatch.setattr(Scorer, "score", plain)
    score_table(model, str(shop), target, settings(16))
    assert len(read_rows(shop, "lists")) == 24_000
