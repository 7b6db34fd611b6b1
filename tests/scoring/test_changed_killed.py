"""SIGKILL during --changed-only: the old result or the new one, and fingerprints that belong to it."""

from __future__ import annotations

import random
import shutil
import subprocess
import sys
import time
from pathlib import Path

import duckdb
import pytest

from selfrec.model_folder.reading import Model
from selfrec.scoring.job import score_table
from selfrec.scoring.request import ScoringRequest
from selfrec.scoring.targets import parse_target
from selfrec.settings.tables import ScoringSettings
from tests.faults.test_kills import KILLS
from tests.scoring.shops import next_item_model
from tests.scoring.test_changed import rows_of, target_of

ROOT = Path(__file__).resolve().parents[2]

JOB = """
import sys
from selfrec.model_folder.reading import open_model
from selfrec.scoring.job import score_table
from selfrec.scoring.request import ScoringRequest
from selfrec.scoring.targets import parse_target
from selfrec.settings.tables import ScoringSettings
model, shop, kind, place, resume = sys.argv[1:]
target = parse_target(shop, **{kind: place})
settings = ScoringSettings(k=3, shard_rows=1000, threads=1)
opened = open_model(model)
print("ready", flush=True)
score_table(opened, shop, target, settings, ScoringRequest(changed_only=True, resume=resume == "resume"))
"""
OPTIONS = ScoringSettings(k=3, shard_rows=1000, threads=1)


def start(model: Model, shop: str, kind: str, resume: str = "") -> subprocess.Popen[bytes]:
    option, place = ("into", "lists") if kind == "table" else ("to", target_of(shop, kind).name)
    command = [sys.executable, "-c", JOB, str(model.path), shop, option, place, resume]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    return process


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["table", "file", "folder"])
def test_killed_anywhere(tmp_path: Path, kind: str) -> None:
    draw = random.Random(kind)
    model = next_item_model(tmp_path / "model")
    folder = tmp_path / "old"
    folder.mkdir()
    shop = str(folder / "shop.duckdb")
    with duckdb.connect(shop) as connection:
        connection.execute(
            "CREATE TABLE interactions AS SELECT 'user ' || (i // 3) AS user_id, 100 + (i * 7) % 6 AS item_id, "
            "TIMESTAMP '2026-01-01' + to_seconds(i) AS timestamp FROM range(9000) t(i)"
        )
    score_table(model, shop, target_of(shop, kind), OPTIONS, ScoringRequest(changed_only=True))
    old = rows_of(shop, kind)
    with duckdb.connect(shop) as connection:
        connection.execute("UPDATE interactions SET item_id = 100 WHERE hash(user_id) % 3 = 0")
        connection.execute("DELETE FROM interactions WHERE hash(user_id) % 11 = 0")
    whole = parse_target(shop, to=str(tmp_path / "whole.parquet"))
    score_table(model, shop, whole, OPTIONS)
    with duckdb.connect() as connection:
        new = connection.execute(f"FROM '{tmp_path}/whole.parquet' ORDER BY user_id, rank").fetchall()
    assert new != old
    usual = 0.0
    for number in range(KILLS + 1):
        place = tmp_path / str(number)
        shutil.copytree(folder, place)
        shop = str(place / "shop.duckdb")
        began = time.monotonic()
        job = start(model, shop, kind)
        if number:
            time.sleep(draw.random() * usual)
            job.kill()
        job.communicate(timeout=120)
        usual = usual or time.monotonic() - began
        between = rows_of(shop, kind)
        assert between in ((old, new) if number else (new,))
        summary = score_table(
            model, shop, target_of(shop, kind), OPTIONS, ScoringRequest(changed_only=True, resume=draw.random() < 0.5)
        )
        assert rows_of(shop, kind) == new
        assert (summary.scored, summary.removed > 0) == ((0, False) if between == new else (summary.scored, True))
        assert summary.kept > 0
        left = [path.name for path in place.iterdir() if path.name.startswith(".")]
        assert len(left) == (0 if kind == "table" else 1), left
