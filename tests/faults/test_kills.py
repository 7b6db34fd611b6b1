"""SIGKILL, SIGTERM and SIGINT at drawn moments of every job that writes, with a reader polling.

Each time: the old result whole or the new one whole, and `--resume` ends as if nothing had been. `SELFREC_KILLS` is
how many of each of the four kinds of target; a few run by default.
"""

from __future__ import annotations

import os
import random
import re
import shutil
import signal
import threading
import time
from collections import Counter
from pathlib import Path

import duckdb
import pytest

from selfrec.errors import ModelError
from selfrec.model_folder.reading import open_model
from tests.cli.conftest import QUICK, write_shop
from tests.faults.jobs import Job, done
from tests.scoring.shops import leftovers, next_item_model

KILLS = int(os.environ.get("SELFREC_KILLS", "3"))
SIGNALS = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT)
STOPPED = {signal.SIGTERM: 143, signal.SIGINT: 130}
"""Exit codes of a job that was told to stop and did."""

OLD = [("nobody", 1, 0, 0.5)]


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
            if self._kind == "--into":
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


def hit(job: Job, draw: random.Random, usual: float) -> str:
    """Send a drawn signal at a drawn moment, and check how the job ended. Says which signal, and whether in time."""
    number = draw.choice(SIGNALS)
    time.sleep(draw.random() * usual)
    job.signal(number)
    code = job.end()
    if code == 0:
        return f"{number.name} too late"
    # Before the program has set its handlers, and after it has left them, a signal is what it always was.
    assert code in (-number, STOPPED.get(number)), job.err
    if code == STOPPED.get(number):
        # Before the command has begun there is nothing to go on with.
        again = f"Error: stopped by {number.name}; nothing is half done; run it again"
        assert job.err in (f"{again}, with --resume to go on\n", f"{again}\n")
    return f"{number.name} {code}"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "name"),
    [("--into", "lists"), ("--to", "lists.parquet"), ("--to", "lists")],
    ids=["table", "file", "folder"],
)
def test_scoring(tmp_path: Path, kind: str, name: str) -> None:
    draw = random.Random(f"{kind} {name}")
    next_item_model(tmp_path / "model")
    shop = tmp_path / "shop.duckdb"
    with duckdb.connect(str(shop)) as connection:
        connection.execute(
            "CREATE TABLE interactions AS SELECT 'user ' || (i // 3) AS user_id, 100 + (i * 7) % 6 AS item_id, "
            "TIMESTAMP '2026-01-01' + to_seconds(i) AS timestamp FROM range(12000) t(i)"
        )
    place = name if kind == "--into" else str(tmp_path / name)
    args = ("score", "model", "shop.duckdb", kind, place, "-k", "3", "--shard-rows", "1000", "--threads", "1")
    usual = done(tmp_path, *args)
    polling = Polling(shop, kind, place)
    expected = polling.read()
    assert expected is not None
    assert len(expected) > 5000
    ends: Counter[str] = Counter()
    for _ in range(KILLS):
        make_old(shop, kind, place)
        assert polling.read() == OLD
        with Polling(shop, kind, place) as polling:
            ends[hit(Job.start(tmp_path, *args), draw, usual)] += 1
            assert polling.read() in (OLD, expected, None)
            done(tmp_path, *args, "--resume")
        assert all(rows in (OLD, expected) for rows in polling.seen)
        assert polling.read() == expected
        assert leftovers(tmp_path) == []
    print(f"\n{name}: {dict(ends)}")


def make_old(shop: Path, kind: str, place: str) -> None:
    rows = "SELECT 'nobody' AS user_id, 1::INTEGER AS rank, 0::INTEGER AS item_id, 0.5::FLOAT AS score"
    if kind == "--into":
        with duckdb.connect(str(shop)) as connection:
            connection.execute(f"CREATE OR REPLACE TABLE {place} AS {rows}")
        return
    path = Path(place)
    if path.suffix != ".parquet":
        path.mkdir(exist_ok=True)
        for part in path.iterdir():
            part.unlink()
        path = path / "part-00000-0123456789ab.parquet"
    with duckdb.connect() as connection:
        connection.execute(f"COPY ({rows}) TO '{path}' (FORMAT parquet)")


@pytest.mark.slow
def test_fitting(tmp_path: Path) -> None:
    """The model is the old one or the new one, every file of it; the resumed one has the undisturbed bytes."""
    draw = random.Random("fit")
    write_shop(tmp_path / "shop.duckdb")
    args = ("fit", "shop.duckdb", "--out", "model", "--items", "products", "--seed", "1", *QUICK)
    usual = done(tmp_path, *args)
    expected = open_model(tmp_path / "model").sha256
    weights = (tmp_path / "model" / "weights.safetensors").read_bytes()
    next_item_model(tmp_path / "old")
    old = open_model(tmp_path / "old").sha256
    ends: Counter[str] = Counter()
    for _ in range(KILLS):
        shutil.rmtree(tmp_path / "model")
        shutil.copytree(tmp_path / "old", tmp_path / "model")
        job = Job.start(tmp_path, *args)
        seen: set[str] = set()
        stop = threading.Event()
        watcher = threading.Thread(target=watch, args=(tmp_path / "model", seen, stop))
        watcher.start()
        try:
            ends[hit(job, draw, usual)] += 1
            model = open_model(tmp_path / "model")
            model.verify()
            assert model.sha256 in (old, expected)
            done(tmp_path, *args, "--resume")
        finally:
            stop.set()
            watcher.join()
        assert seen <= {old, expected}
        model = open_model(tmp_path / "model")
        model.verify()
        assert model.sha256 == expected
        assert (tmp_path / "model" / "weights.safetensors").read_bytes() == weights
        assert leftovers(tmp_path) == []
    print(f"\nfit: {dict(ends)}")


def watch(folder: Path, seen: set[str], stop: threading.Event) -> None:
    """Open the model over and over; what is refused is seen too."""
    while not stop.is_set():
        try:
            seen.add(open_model(folder).sha256)
        except ModelError as error:
            seen.add(str(error))
        time.sleep(0.02)
