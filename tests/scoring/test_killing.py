"""SIGKILL at random moments, with a reader polling: the old result or the new one, and --resume ends like no kill."""

from __future__ import annotations

import os
import random
import re
import subprocess
import sys
import threading
import time
from pathlib import Path

import duckdb
import pytest

from selfrec.model_folder.reading import Model
from tests.scoring.shops import next_item_model

ROOT = Path(__file__).resolve().parents[2]

KILLS = int(os.environ.get("SELFREC_KILLS", "4"))
"""Kills for each kind of target."""

JOB = """
import sys
from selfrec.model_folder.reading import open_model
from selfrec.scoring.job import score_table
from selfrec.scoring.targets import parse_target
from selfrec.settings.tables import ScoringSettings
model, shop, kind, place, resume = sys.argv[1:]
target = parse_target(shop, **{kind: place})
print("ready", flush=True)
settings = ScoringSettings(k=3, shard_rows=1000, threads=1)
score_table(open_model(model), shop, target, settings, resume=resume == "resume")
"""

OLD = [("nobody", 1, 0, 0.5)]


def start(model: Model, shop: Path, kind: str, place: str, resume: str = "") -> subprocess.Popen[bytes]:
    command = [sys.executable, "-c", JOB, str(model.path), str(shop), kind, place, resume]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    return process


def finish(process: subprocess.Popen[bytes]) -> None:
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors.decode()


class Polling:
    """Reads the result over and over; keeps what it saw, each state once."""

    def __init__(self, shop: Path, kind: str, place: str) -> None:
        self.seen: list[list[tuple[object, ...]]] = []
        self._shop, self._kind, self._place = shop, kind, place
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._poll)

    def read(self) -> list[tuple[object, ...]] | None:
        """The rows in their own order; None while the file is locked, or a folder changed between list and open."""
        try:
            if self._kind == "into":
                with duckdb.connect(str(self._shop), read_only=True) as connection:
                    return connection.execute(f"FROM {self._place}").fetchall()
            place = self._place if self._place.endswith(".parquet") else f"{self._place}/*.parquet"
            with duckdb.connect() as connection:
                return connection.execute(f"FROM '{place}'").fetchall()
        except duckdb.Error as error:
            # DuckDB opens a file once to see its columns and again to read it: another may have taken its place.
            if re.search(r"lock|no files|no such file|failed to read file", str(error), re.IGNORECASE):
                return None
            raise

    def __enter__(self) -> Polling:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._stop.set()
        self._thread.join()

    def _poll(self) -> None:
        while not self._stop.is_set():
            rows = self.read()
            if rows is not None and rows not in self.seen:
                self.seen.append(rows)
            # Leave the database free most of the time: the job waits for its readers.
            time.sleep(0.02)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "name"), [("into", "lists"), ("to", "lists.parquet"), ("to", "lists")], ids=["table", "file", "folder"]
)
def test_killed_and_resumed_equals_undisturbed(tmp_path: Path, kind: str, name: str) -> None:
    draw = random.Random(f"{kind} {name}")
    model = next_item_model(tmp_path / "model")
    shop = tmp_path / "shop.duckdb"
    with duckdb.connect(str(shop)) as connection:
        connection.execute(
            "CREATE TABLE interactions AS SELECT 'user ' || (i // 3) AS user_id, 100 + (i * 7) % 6 AS item_id, "
            "TIMESTAMP '2026-01-01' + to_seconds(i) AS timestamp FROM range(12000) t(i)"
        )
    place = name if kind == "into" else str(tmp_path / name)
    began = time.monotonic()
    finish(start(model, shop, kind, place))
    usual = time.monotonic() - began
    polling = Polling(shop, kind, place)
    expected = polling.read()
    assert expected is not None
    assert len(expected) > 5000
    for _ in range(KILLS):
        make_old(shop, kind, place)
        assert polling.read() == OLD
        with Polling(shop, kind, place) as polling:
            job = start(model, shop, kind, place)
            time.sleep(draw.random() * usual)
            job.kill()
            job.communicate()
            finish(start(model, shop, kind, place, "resume"))
        assert all(rows in (OLD, expected) for rows in polling.seen)
        assert polling.read() == expected
        assert [path.name for path in tmp_path.iterdir() if path.name.endswith((".selfrec", ".partial"))] == []


def make_old(shop: Path, kind: str, place: str) -> None:
    rows = "SELECT 'nobody' AS user_id, 1::INTEGER AS rank, 0::INTEGER AS item_id, 0.5::FLOAT AS score"
    if kind == "into":
        with duckdb.connect(str(shop)) as connection:
            connection.execute(f"CREATE OR REPLACE TABLE {place} AS {rows}")
        return
    path = Path(place)
    if path.is_dir():
        for part in path.iterdir():
            part.unlink()
        path = path / "part-00000-0123456789ab.parquet"
    with duckdb.connect() as connection:
        connection.execute(f"COPY ({rows}) TO '{path}' (FORMAT parquet)")
