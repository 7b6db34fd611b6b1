"""What a run tells about itself."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import duckdb
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


@pytest.mark.parametrize(
    ("rules", "repeats", "says"),
    [
        ({}, False, None),
        # Ann has 100 and bob 102, which only ann may get.
        (
            {"allow": "few.txt"},
            False,
            "2 of 3 users got fewer than 2 items: --allow few.txt leaves 2 of 6 items, and what a user has already is "
            "left out; for full lists, a longer --allow, a lower -k or --repeats",
        ),
        ({"allow": "few.txt"}, True, None),
        (
            {"allow": "few.txt", "deny": "one.txt"},
            True,
            "3 of 3 users got fewer than 2 items: --allow few.txt and --deny one.txt leave 1 of 6 items; for full "
            "lists, a longer --allow, a shorter --deny or a lower -k",
        ),
    ],
)
def test_lists_that_are_shorter_than_asked_for_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rules: dict[str, str], repeats: bool, says: str | None
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("few.txt").write_text("100\n102\n")
    Path("one.txt").write_text("102\n")
    model = next_item_model(tmp_path / "model")
    write_shop(Path("shop.duckdb"), [("ann", 100), ("bob", 102), ("eve", 105)])
    target = parse_target("shop.duckdb", into="lists")
    told: list[str] = []
    summary = score_table(
        model,
        "shop.duckdb",
        target,
        ScoringSettings(k=2, repeats=repeats),
        ScoringRequest(**rules),  # type: ignore[arg-type]
        tell=lambda event, /, **fields: told.append(fields.get("text", "")),
    )
    assert list(summary.notes) == summary.as_dict()["notes"] == [says] * (says is not None)
    assert [text for text in told if text] == list(summary.notes)


def test_short_lists_of_a_small_catalog_are_told(tmp_path: Path) -> None:
    model, shop = next_item_model(tmp_path / "model", 4, 4), str(tmp_path / "shop.duckdb")
    write_shop(Path(shop), [("ann", 100), ("ann", 101), ("bob", 102)])
    target = parse_target(shop, into="lists")
    assert score_table(model, shop, target, ScoringSettings(k=3), ScoringRequest(changed_only=True)).notes[1:] == (
        "1 of 2 users got fewer than 3 items: the catalog has 4 items, and what a user has already is left out; for "
        "full lists, a lower -k or --repeats",
    )
    with duckdb.connect(shop) as connection:
        connection.execute("INSERT INTO interactions SELECT user_id, 103, timestamp FROM interactions LIMIT 1")
    assert score_table(model, shop, target, ScoringSettings(k=3), ScoringRequest(changed_only=True)).notes == (
        "1 of 1 user scored got fewer than 3 items: the catalog has 4 items, and what a user has already is left out; "
        "for full lists, a lower -k or --repeats",
    )


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
            tell=lambda event, /, **fields: told.append(f"{event} {fields}"),
        ).notes
        expected = name == "padded" and users is None
        assert any("no user has a history in the catalog" in note for note in notes) == expected
        assert any("item column has ids such as 100" in note for note in notes) == expected
    assert sum(line.startswith("warning") for line in told) == 1
