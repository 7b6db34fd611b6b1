"""Many shards on many threads, where a second shard begins before the first has ended."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

from selfrec.errors import ModelError
from selfrec.model_folder.reading import Model
from selfrec.scoring.job import score_table
from selfrec.scoring.kernel import Scorer
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

    def tell(event: str, **what: Any) -> None:
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
