"""What a run tells about itself."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from selfrec.cli.commands.score import _speed
from selfrec.scoring.job import score_table
from selfrec.scoring.request import ScoringRequest
from selfrec.scoring.targets import parse_target
from selfrec.settings.tables import ScoringSettings
from tests.scoring.shops import next_item_model, write_shop

PARENT = """
import subprocess, sys
large = bytearray(b"x" * 400_000_000)
code = "from selfrec.scoring.summary import peak_memory; print(peak_memory())"
subprocess.run([sys.executable, "-c", code], check=True)
"""


@pytest.mark.parametrize(
    ("speed", "told"), [(0.0, "0"), (0.34, "0.34"), (2.04, "2"), (9.96, "10"), (12.6, "13"), (6471.2, "6,471")]
)
def test_a_small_job_has_no_speed_of_0(speed: float, told: str) -> None:
    assert _speed(speed) == told


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="only Linux counts a process by itself")
def test_the_peak_is_not_that_of_the_process_that_started_this_one() -> None:
    said = subprocess.run([sys.executable, "-c", PARENT], capture_output=True, text=True, check=True).stdout
    assert 5_000_000 < int(said) < 300_000_000


def test_days_that_could_be_months_are_told(tmp_path: Path) -> None:
    model = next_item_model(tmp_path / "model")
    path = tmp_path / "events.csv"
    told = []
    for last in ("04/02/2026", "13/02/2026"):
        path.write_text(f"user_id,item_id,timestamp\n1,100,01/02/2026\n1,101,{last}\n")
        target = parse_target(str(path), to=str(tmp_path / "lists"))
        notes = score_table(model, str(path), target, ScoringSettings(k=1)).notes
        told.append(sum("times are taken for day/month/year" in note for note in notes))
    assert told == [1, 0]


def test_that_nobody_gets_an_item_is_told(tmp_path: Path) -> None:
    model, shop = next_item_model(tmp_path / "model", 2, 2), str(tmp_path / "shop.duckdb")
    write_shop(Path(shop), [("ann", 100), ("ann", 101)])
    told = []
    for settings in (ScoringSettings(k=2), ScoringSettings(k=2, repeats=True)):
        summary = score_table(model, shop, parse_target(shop, into="lists"), settings)
        told.append((summary.rows, [note for note in summary.notes if "nobody gets an item" in note]))
    assert told[0][0] == 0
    assert told[0][1] == [
        "nobody gets an item, for each user has all 2 items that may be recommended in the source already; --repeats "
        "lets them be recommended again"
    ]
    assert told[1] == (2, [])


def test_ids_written_otherwise_than_the_fits_are_told(tmp_path: Path) -> None:
    model = next_item_model(tmp_path / "model")
    k2 = ScoringSettings(k=2)
    told: list[str] = []
    for name, item, users in (("same", "100", None), ("padded", "000100", None), ("padded", "000100", "few")):
        shop = str(tmp_path / f"{name}.duckdb")
        if users is None:
            write_shop(Path(shop), [("ann", item), ("bob", item)], item_type="VARCHAR")
        else:
            (tmp_path / "few.csv").write_text("user_id\nann\n", encoding="utf-8")
            users = str(tmp_path / "few.csv")
        target = parse_target(shop, into="lists")
        notes = score_table(
            model,
            shop,
            target,
            k2,
            ScoringRequest(users=users),
            tell=lambda event, **fields: told.append(f"{event} {fields}"),
        ).notes
        expected = name == "padded" and users is None
        assert any("no user has a history in the catalog" in note for note in notes) == expected
        assert any("item column has ids such as 100" in note for note in notes) == expected
    assert sum(line.startswith("warning") for line in told) == 1
