"""The disk is full or read-only, or somebody has the database: one line, the old result whole, and on it goes later.

The disk is a small tmpfs of the test's own, which takes the right to mount one; without it these tests are skipped.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from selfrec.model_folder.reading import open_model
from tests.cli.conftest import QUICK, write_shop
from tests.cli.test_bad_input import snapshot
from tests.faults.jobs import Job, done, refused
from tests.faults.test_kills import OLD, Polling, make_old
from tests.scoring.shops import leftovers, next_item_model

SIZE = 24


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 24 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    if not mount("-t", "tmpfs", "-o", f"size={SIZE}m", "tmpfs", folder):
        pytest.skip("mounting a small tmpfs is not allowed here")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def mount(*args: object) -> bool:
    try:
        return subprocess.run(["mount", *map(str, args)], capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        return False


def fill(disk: Path, left: int) -> Path:
    """Fill the disk but for so many bytes; the file to remove."""
    filler = disk / "filler"
    filler.unlink(missing_ok=True)
    free = shutil.disk_usage(disk).free
    with filler.open("wb") as file:
        file.write(b"\0" * max(0, free - left))
    return filler


def used(disk: Path) -> int:
    return shutil.disk_usage(disk).used


@pytest.fixture
def work(tmp_path: Path) -> Path:
    """A folder on the ordinary disk with a model and a shop of 4,000 users."""
    folder = tmp_path / "work"
    folder.mkdir()
    next_item_model(folder / "model")
    with duckdb.connect(str(folder / "shop.duckdb")) as connection:
        connection.execute(
            "CREATE TABLE interactions AS SELECT md5((i // 3)::VARCHAR) AS user_id, 100 + (i * 7) % 6 AS item_id, "
            "TIMESTAMP '2026-01-01' + to_seconds(i) AS timestamp FROM range(120000) t(i)"
        )
    return folder


TARGETS = pytest.mark.parametrize(
    ("kind", "name"),
    [("--into", "lists"), ("--to", "lists.parquet"), ("--to", "lists")],
    ids=["table", "file", "folder"],
)


def place_of(disk: Path, kind: str, name: str) -> tuple[str, Polling]:
    """The target's argument, and a reader of it."""
    if kind == "--into":
        return f"{disk / 'results.duckdb'}::{name}", Polling(disk / "results.duckdb", kind, name)
    return str(disk / name), Polling(disk, kind, str(disk / name))


def old_result(disk: Path, kind: str, name: str) -> None:
    make_old(disk / "results.duckdb", kind, name if kind == "--into" else str(disk / name))


def score_args(kind: str, place: str) -> tuple[str, ...]:
    return ("score", "model", "shop.duckdb", kind, place, "-k", "3", "--shard-rows", "20000", "--threads", "1")


@pytest.mark.slow
@TARGETS
def test_scoring_onto_a_full_disk(work: Path, disk: Path, kind: str, name: str) -> None:
    place, reader = place_of(disk, kind, name)
    args = score_args(kind, place)
    old_result(disk, kind, name)
    before = used(disk)
    done(work, *args)
    expected, needed = reader.read(), used(disk) - before
    assert expected is not None
    assert len(expected) > 50_000
    for share in (0.0, 0.3, 0.8):
        for path in disk.iterdir():
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        old_result(disk, kind, name)
        filler = fill(disk, int(share * needed))
        refused(Job.start(work, *args), 1, str(disk), "space")
        assert reader.read() == OLD
        filler.unlink()
        done(work, *args, "--resume")
        assert reader.read() == expected
        assert leftovers(disk) == []


def test_a_disk_that_is_full_once_the_rows_are_committed(work: Path, disk: Path) -> None:
    """They stand in the write-ahead log, for there is no room to move them: no failure, and the job says where."""
    old_result(disk, "--into", "lists")
    users = "".join(f"{hashlib.md5(str(n).encode()).hexdigest()}\n" for n in range(1000))
    (work / "few.csv").write_text("user_id\n" + users)
    place, reader = place_of(disk, "--into", "lists")
    args = (*score_args("--into", place), "--users", "few.csv")
    filler = fill(disk, 400_000)
    job = Job.start(work, *args)
    assert job.end() == 0, job.err
    told = " ".join((work / "stdout").read_text().split())
    assert ": the new rows stand, but still in results.duckdb.wal" in told
    rows = reader.read()
    assert rows is not None
    assert len(rows) == 3000
    filler.unlink()
    with duckdb.connect(str(disk / "results.duckdb")):
        pass
    assert not (disk / "results.duckdb.wal").exists()
    assert reader.read() == rows
    assert leftovers(disk) == []


@pytest.mark.slow
def test_fitting_onto_a_full_disk(tmp_path: Path, disk: Path) -> None:
    work = tmp_path / "work"
    work.mkdir()
    write_shop(work / "shop.duckdb")
    args = ("fit", "shop.duckdb", "--out", str(disk / "model"), "--seed", "1", *QUICK)
    done(work, *args)
    expected, needed = open_model(disk / "model").sha256, used(disk)
    for share in (0.0, 0.4, 0.8):
        shutil.rmtree(disk / "model")
        next_item_model(disk / "model")
        before = snapshot(disk / "model")
        filler = fill(disk, int(share * needed))
        refused(Job.start(work, *args), 1, str(disk), "odel", "space")
        assert snapshot(disk / "model") == before
        filler.unlink()
        done(work, *args, "--resume")
        model = open_model(disk / "model")
        model.verify()
        assert model.sha256 == expected
        assert leftovers(disk) == []


@TARGETS
def test_scoring_onto_a_disk_that_cannot_be_written(work: Path, disk: Path, kind: str, name: str) -> None:
    place, reader = place_of(disk, kind, name)
    old_result(disk, kind, name)
    assert mount("-o", "remount,ro", disk)
    before = snapshot(disk)
    refused(Job.start(work, *score_args(kind, place)), 1, str(disk), "Read-only file system", "permissions")
    assert snapshot(disk) == before
    assert reader.read() == OLD
    assert mount("-o", "remount,rw", disk)
    done(work, *score_args(kind, place))
    assert reader.read() not in (None, OLD)


def test_a_database_that_cannot_be_written_is_found_before_scoring(work: Path, disk: Path, tmp_path: Path) -> None:
    """Mounted read-only at its place, for root may write any other file; the folder around it takes what is staged."""
    make_old(disk / "results.duckdb", "--into", "lists")
    place = tmp_path / "results.duckdb"
    place.touch()
    assert mount("-o", "remount,ro", disk)
    assert mount("--bind", disk / "results.duckdb", place)
    try:
        log = tmp_path / "log.jsonl"
        args = score_args("--into", f"{place}::lists")
        refused(
            Job.start(work, *args, "--log-json", log), 1, str(place), "may not be written", "--into FILE.duckdb::lists"
        )
        assert '"shard"' not in log.read_text()
        assert leftovers(tmp_path) == []
    finally:
        subprocess.run(["umount", str(place)], check=True)


def test_fitting_onto_a_disk_that_cannot_be_written(work: Path, disk: Path) -> None:
    next_item_model(disk / "model")
    assert mount("-o", "remount,ro", disk)
    before = snapshot(disk)
    write_shop(work / "small.duckdb")
    for target in ("model", "new", "deep/new"):
        job = Job.start(work, "fit", "small.duckdb", "--out", str(disk / target), *QUICK)
        refused(job, 1, str(disk / target), "Read-only file system", "permissions")
    assert snapshot(disk) == before


def test_other_writers_onto_a_disk_that_cannot_be_written(work: Path, disk: Path) -> None:
    write_shop(work / "small.duckdb")
    done(work, "fit", "small.duckdb", "--out", str(disk / "model"), *QUICK)
    assert mount("-o", "remount,ro", disk)
    before = snapshot(disk)
    refusing: list[tuple[str | Path, ...]] = [
        ("report", disk / "model"),
        ("report", disk / "model", "--to", disk / "page.html"),
        ("export", "model", disk / "graph.onnx"),
        ("init", disk / "selfrec.toml"),
        ("quickstart", disk / "tour"),
    ]
    for args in refusing:
        refused(Job.start(work, *args), 1, str(disk), "Read-only file system")
    assert snapshot(disk) == before
    # Reading needs no writing.
    done(work, "inspect", disk / "model")
    done(work, "recommend", disk / "model", "--history", "i1")
    done(work, "evaluate", disk / "model", "small.duckdb")
    done(work, "score", disk / "model", "small.duckdb", "--into", "lists")


def test_a_lock_that_is_taken_during_the_run_and_given_back(work: Path, tmp_path: Path) -> None:
    """The job scores meanwhile, waits with its result, and writes it when it can."""
    results = tmp_path / "results.duckdb"
    make_old(results, "--into", "lists")
    code = "import duckdb, sys; c = duckdb.connect(sys.argv[1]); print('open', flush=True); sys.stdin.read()"
    holder = subprocess.Popen(
        [sys.executable, "-c", code, str(results)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=os.environ
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == b"open\n"
    job = Job.start(work, *score_args("--into", f"{results}::lists"))
    job.process.join(timeout=3)
    assert job.process.is_alive()
    holder.communicate()
    assert job.end() == 0, job.err
    rows = Polling(results, "--into", "lists").read()
    assert rows is not None
    assert len(rows) > 50_000
    assert leftovers(tmp_path) == []
