"""Two runs at a time, in processes of their own: the second refuses or waits, and readers are served the old result.

And what a run leaves on disk: rights as the umask says, nothing of crashed runs.
"""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path

import duckdb
import pytest

from selfrec.errors import SourceError, TargetError
from selfrec.model_folder.reading import Model
from selfrec.scoring.job import score_table
from selfrec.scoring.request import ScoringRequest
from selfrec.scoring.targets import parse_target
from selfrec.settings.tables import ScoringSettings
from tests.faults.jobs import ROOT
from tests.scoring.shops import leftovers, write_shop
from tests.scoring.test_changed import KINDS, companions, rows_of, target_of

K2 = ScoringSettings(k=2, threads=1)
EVENTS = [("ann", 100), ("bob", 104), ("ann", 103), ("cid", 999)]

SLOW = """
import sys
from selfrec.model_folder.reading import open_model
from selfrec.scoring.job import score_table
from selfrec.scoring.targets import parse_target
from selfrec.settings.tables import ScoringSettings
model, shop, kind, place = sys.argv[1:]
said = []
def progress(done, total):
    if not said:
        said.append(print("in the middle", flush=True))
        sys.stdin.readline()
score_table(open_model(model), shop, parse_target(shop, **{kind: place}), ScoringSettings(k=1), progress=progress)
"""
"""A run that stops in the middle until it reads a line."""

HOLD = """
import sys, duckdb
with duckdb.connect(sys.argv[1]):
    print("held", flush=True)
    sys.stdin.readline()
"""


@pytest.fixture
def shop(tmp_path: Path) -> str:
    write_shop(tmp_path / "shop.duckdb", EVENTS)
    return str(tmp_path / "shop.duckdb")


def started(code: str, *args: object) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", code, *map(str, args)]
    process = subprocess.Popen(
        command, cwd=ROOT, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout is not None
    assert process.stdout.readline() != ""
    return process


def slow_run(model: Model, shop: str, kind: str) -> subprocess.Popen[str]:
    place = ("into", "lists") if kind == "table" else ("to", target_of(shop, kind).name)
    return started(SLOW, model.path, shop, *place)


def command(model: Model, shop: str, kind: str, *more: str) -> list[str]:
    place = ["--into", "lists"] if kind == "table" else ["--to", target_of(shop, kind).name]
    return [sys.executable, "-m", "selfrec", "score", str(model.path), shop, *place, "-k", "2", *more]


@pytest.mark.parametrize("kind", KINDS)
def test_a_second_run_refuses_or_waits(model: Model, shop: str, kind: str) -> None:
    score_table(model, shop, target_of(shop, kind), K2)
    old = rows_of(shop, kind)
    first = slow_run(model, shop, kind)
    second = subprocess.run(command(model, shop, kind), cwd=ROOT, capture_output=True, text=True, check=False)
    assert second.returncode == 1
    assert second.stdout == ""
    [line] = second.stderr.splitlines()
    assert line.startswith(f"Error: {target_of(shop, kind).name}: ")
    assert f"another run (PID {first.pid}) is writing this target; wait until it ends, or let --wait" in line
    # Readers are served the old result all the while.
    assert rows_of(shop, kind) == old
    third = subprocess.Popen(command(model, shop, kind, "--wait", "120"), cwd=ROOT, stdout=subprocess.PIPE)
    time.sleep(1)
    assert third.poll() is None
    assert rows_of(shop, kind) == old
    _, errors = first.communicate("go on\n", timeout=120)
    assert first.returncode == 0, errors
    third.communicate(timeout=120)
    assert third.returncode == 0
    assert rows_of(shop, kind) == old
    assert leftovers(Path(shop).parent) == []


@pytest.mark.parametrize("kind", KINDS)
def test_the_kernel_frees_the_lock_of_a_killed_run(model: Model, shop: str, kind: str) -> None:
    first = slow_run(model, shop, kind)
    first.kill()
    first.communicate()
    assert leftovers(Path(shop).parent) == [target_of(shop, kind).staging.name]
    score_table(model, shop, target_of(shop, kind), K2)
    assert len(rows_of(shop, kind)) == 6
    assert leftovers(Path(shop).parent) == []


def test_runs_into_two_tables_of_one_file_do_not_meet(model: Model, shop: str) -> None:
    first = started(SLOW, model.path, shop, "into", "others")
    second = subprocess.Popen(command(model, shop, "table"), cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    # The second is done but for its turn: the first still reads the very file.
    time.sleep(2)
    first.communicate("go on\n", timeout=120)
    second.communicate(timeout=120)
    assert (first.returncode, second.returncode) == (0, 0)
    with duckdb.connect(shop, read_only=True) as connection:
        assert connection.execute("SELECT count(*) FROM others").fetchall() == [(3,)]
        assert connection.execute("SELECT count(*) FROM lists").fetchall() == [(6,)]
        assert connection.execute("SELECT count(*) FROM selfrec_runs").fetchall() == [(2,)]


def test_a_source_that_is_open_for_writing(model: Model, shop: str, tmp_path: Path) -> None:
    target = parse_target(shop, to=str(tmp_path / "lists.parquet"))
    holder = started(HOLD, shop)
    with pytest.raises(SourceError, match=rf"is open for writing in .*PID {holder.pid}"):
        score_table(model, shop, target, K2)
    waiting = subprocess.Popen(command(model, shop, "file", "--wait", "120"), cwd=ROOT, stdout=subprocess.PIPE)
    time.sleep(1)
    assert waiting.poll() is None
    holder.communicate("close\n", timeout=60)
    waiting.communicate(timeout=120)
    assert waiting.returncode == 0
    assert len(rows_of(shop, "file")) == 6


def test_a_source_that_is_changed_at_that_moment_is_waited_for(model: Model, shop: str, tmp_path: Path) -> None:
    holder = started(HOLD, shop)
    threading.Timer(1.0, holder.communicate, ("close\n",)).start()
    score_table(model, shop, parse_target(shop, to=str(tmp_path / "lists.parquet")), K2)
    assert holder.poll() is not None
    assert len(rows_of(shop, "file")) == 6


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("mask", [0o022, 0o027, 0o077])
def test_rights_follow_the_umask(model: Model, tmp_path: Path, kind: str, mask: int) -> None:
    folder = tmp_path / "private"
    folder.mkdir()
    write_shop(folder / "shop.duckdb", EVENTS)
    shop = str(folder / "shop.duckdb")
    (folder / "shop.duckdb").chmod(0o666 & ~mask)
    before = os.umask(mask)
    try:
        score_table(model, shop, target_of(shop, kind), K2, ScoringRequest(changed_only=True))
        score_table(model, shop, target_of(shop, kind), K2, ScoringRequest(changed_only=True))
    finally:
        os.umask(before)
    places = [*folder.iterdir(), *(path for place in folder.iterdir() if place.is_dir() for path in place.iterdir())]
    assert len(places) == {"table": 1, "file": 3, "folder": 4}[kind]
    for place in places:
        full = 0o777 if place.is_dir() else 0o666
        assert stat.S_IMODE(place.stat().st_mode) == full & ~mask, place


@pytest.mark.parametrize("kind", KINDS)
def test_leftovers_of_crashed_runs_are_removed(model: Model, shop: str, tmp_path: Path, kind: str) -> None:
    target = target_of(shop, kind)
    score_table(model, shop, target, K2, ScoringRequest(changed_only=True))
    for name in ("spill", "changes", "parts", "whole"):
        (target.staging / name).mkdir(parents=True)
        (target.staging / name / "rest.tmp").write_text("x")
    (target.staging / "run.json").write_text("{")
    if kind != "table":
        companions(tmp_path)[0].with_name(f".{Path(target.name).name}.0123456789ab.fingerprints").write_text("cut")
        companions(tmp_path)[0].with_name(".other.parquet.0123456789ab.fingerprints").write_text("another's")
    score_table(model, shop, target, K2, ScoringRequest(changed_only=True, resume=True))
    expected = [] if kind == "table" else [".other.parquet.0123456789ab.fingerprints"]
    assert [name for name in leftovers(tmp_path) if "0123456789ab" in name] == expected
    assert not target.staging.exists()
    assert len(companions(tmp_path)) == (0 if kind == "table" else 2)


def test_another_version_of_the_engine_is_not_resumed(model: Model, shop: str) -> None:
    target = target_of(shop, "table")
    first = slow_run(model, shop, "table")
    first.kill()
    first.communicate()
    note = target.staging / "run.json"
    run = json.loads(note.read_text())
    run["engines"]["DuckDB"] = "1.9.9"
    note.write_text(json.dumps(run))
    summary = score_table(model, shop, target, K2, ScoringRequest(resume=True))
    assert summary.resumed_shards == 0
    [said] = summary.notes
    assert said.startswith("the unfinished run cannot be resumed, for DuckDB 1.9.9 is now ")
    assert said.endswith(": started over")
    # Fingerprints as well.
    score_table(model, shop, target, K2, ScoringRequest(changed_only=True))
    with duckdb.connect(shop) as connection:
        now = duckdb.__version__
        connection.execute(
            "UPDATE selfrec_fingerprints_lists SET basis = replace(basis, $1, $2)",
            [f'"DuckDB": "{now}"', '"DuckDB": "1.9.9"'],
        )
    again = score_table(model, shop, target, K2, ScoringRequest(changed_only=True))
    assert again.notes == (f"everybody was scored: DuckDB 1.9.9 is now {now}",)
    assert score_table(model, shop, target, K2, ScoringRequest(changed_only=True)).kept == 3


def test_a_folder_nobody_may_write(model: Model, shop: str, tmp_path: Path) -> None:
    if os.geteuid() == 0:
        pytest.skip("root may write everywhere")
    (tmp_path / "closed").mkdir(mode=0o500)
    with pytest.raises(TargetError, match="cannot write the staging folder"):
        score_table(model, shop, parse_target(shop, to=str(tmp_path / "closed" / "lists.parquet")), K2)
