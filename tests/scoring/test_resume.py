"""A run that was stopped: what --resume takes over, what it scores again, and what it says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb
import pytest

from selfrec.errors import SelfrecError
from selfrec.model_folder.reading import Model
from selfrec.scoring.job import score_table
from selfrec.scoring.request import EVERYBODY, ScoringRequest
from selfrec.scoring.targets import parse_target
from selfrec.settings.tables import ScoringSettings
from tests.scoring.shops import leftovers, next_item_model, read_rows, write_shop


class _StopError(Exception):
    pass


def _interrupted(
    model: Model, shop: str, target: Any, settings: ScoringSettings, after: int, request: ScoringRequest = EVERYBODY
) -> None:
    def stop(done: int, total: int) -> None:
        if done > after:
            raise _StopError

    with pytest.raises(_StopError):
        score_table(model, shop, target, settings, request, progress=stop)


@pytest.fixture
def many(tmp_path: Path) -> str:
    rows = [(f"user {user}", 100 + user % 5) for user in range(1500) for _ in range(2)]
    write_shop(tmp_path / "many.duckdb", rows)
    return str(tmp_path / "many.duckdb")


SHARDED = ScoringSettings(k=2, shard_rows=1000, threads=1)


def test_resume_goes_on_from_the_finished_shards(model: Model, many: str, tmp_path: Path) -> None:
    target = parse_target(many, into="lists")
    _interrupted(model, many, target, SHARDED, 1200)
    assert leftovers(tmp_path) == [target.staging.name]
    summary = score_table(model, many, target, SHARDED, ScoringRequest(resume=True))
    assert summary.shards == 3
    assert summary.resumed_shards >= 1
    assert summary.notes == ()
    assert leftovers(tmp_path) == []
    score_table(model, many, parse_target(many, into="whole"), SHARDED)
    with duckdb.connect(many, read_only=True) as connection:
        assert connection.execute("FROM lists").fetchall() == connection.execute("FROM whole").fetchall()


def test_short_lists_of_finished_shards_are_counted(model: Model, many: str, tmp_path: Path) -> None:
    """A part's note does not tell of them; its ranks do."""
    (tmp_path / "few.txt").write_text("100\n101\n")
    target, allow = parse_target(many, into="lists"), str(tmp_path / "few.txt")
    _interrupted(model, many, target, SHARDED, 1200, ScoringRequest(allow=allow))
    summary = score_table(model, many, target, SHARDED, ScoringRequest(allow=allow, resume=True))
    assert summary.resumed_shards >= 1
    assert [note.partition(":")[0] for note in summary.notes] == ["600 of 1,500 users got fewer than 2 items"]


def test_a_finished_shard_whose_bytes_changed_is_scored_again(model: Model, many: str) -> None:
    target = parse_target(many, into="lists")
    score_table(model, many, target, SHARDED)
    with duckdb.connect(many, read_only=True) as connection:
        expected = connection.execute("FROM lists").fetchall()
    _interrupted(model, many, target, SHARDED, 1200)
    parts = sorted((target.staging / "parts").glob("part-*.parquet"))
    content = bytearray(parts[0].read_bytes())
    for at in range(len(content) * 4 // 10, len(content) * 4 // 10 + 40):
        content[at] ^= 0xFF
    parts[0].write_bytes(content)
    assert score_table(model, many, target, SHARDED, ScoringRequest(resume=True)).resumed_shards == len(parts) - 1
    with duckdb.connect(many, read_only=True) as connection:
        assert connection.execute("FROM lists").fetchall() == expected


def test_without_resume_leftovers_are_removed(model: Model, many: str, tmp_path: Path) -> None:
    target = parse_target(many, into="lists")
    _interrupted(model, many, target, SHARDED, 1200)
    assert score_table(model, many, target, SHARDED).resumed_shards == 0
    assert leftovers(tmp_path) == []


@pytest.mark.parametrize("change", ["options", "model", "nothing left"])
def test_resume_starts_over_where_it_must_and_says_so(model: Model, many: str, tmp_path: Path, change: str) -> None:
    target = parse_target(many, into="lists")
    settings = SHARDED
    if change != "nothing left":
        _interrupted(model, many, target, SHARDED, 1200)
    if change == "options":
        settings = SHARDED.model_copy(update={"k": 1})
    if change == "model":
        model = next_item_model(tmp_path / "model", 6, 3)
    summary = score_table(model, many, target, settings, ScoringRequest(resume=True))
    assert summary.resumed_shards == 0
    assert len(summary.notes) == 1
    assert "start" in summary.notes[0]


def test_resume_scores_shards_again_whose_histories_changed(model: Model, many: str) -> None:
    target = parse_target(many, into="lists")
    _interrupted(model, many, target, SHARDED, 1499)
    with duckdb.connect(many) as connection:
        connection.execute("UPDATE interactions SET item_id = 104 WHERE user_id IN ('user 0', 'user 1', 'user 2')")
    score_table(model, many, target, SHARDED, ScoringRequest(resume=True))
    rows = read_rows(Path(many), "lists")
    assert len(rows) == 3000
    assert ("user 0", 1, 105, 1.0) in rows
    assert ("user 1", 1, 105, 1.0) in rows


def test_a_damaged_part_is_scored_again(model: Model, many: str) -> None:
    target = parse_target(many, to=str(Path(many).with_name("lists")))
    _interrupted(model, many, target, SHARDED, 1499)
    part = min((target.staging / "parts").glob("part-*.parquet"))
    part.write_bytes(part.read_bytes()[:100])
    (part.parent / "part-00077.parquet").write_bytes(b"left by an older run")
    (part.parent / "part-00078.parquet").mkdir()
    score_table(model, many, target, SHARDED, ScoringRequest(resume=True))
    assert len(read_rows(Path(many).with_name("lists"))) == 3000


def test_a_folder_in_the_place_of_a_part_is_removed(model: Model, many: str) -> None:
    target = parse_target(many, into="lists")
    _interrupted(model, many, target, SHARDED, 1200)
    part = min((target.staging / "parts").glob("part-*.parquet"))
    part.unlink()
    part.mkdir()
    (part / "mine.txt").write_text("in the way")
    score_table(model, many, target, SHARDED, ScoringRequest(resume=True))
    assert len(read_rows(Path(many), "lists")) == 3000


def test_a_failing_part_stops_the_job_and_keeps_the_old_result(model: Model, many: str, tmp_path: Path) -> None:
    target = parse_target(many, to=str(tmp_path / "lists.parquet"))
    score_table(model, many, target, SHARDED)
    before = (tmp_path / "lists.parquet").read_bytes()

    def take_away(done: int, total: int) -> None:
        (target.staging / "parts").rename(target.staging / "gone")

    with pytest.raises(SelfrecError, match="cannot be written"):
        score_table(model, many, target, SHARDED, progress=take_away)
    assert (tmp_path / "lists.parquet").read_bytes() == before
