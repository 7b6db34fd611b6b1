"""Bad input, over every command: the exit code, one line that helps, and everything left as it was."""

from __future__ import annotations

import shlex
import shutil
from pathlib import Path

import duckdb
import pytest

from tests.cli.bad_case import Case
from tests.cli.bad_cases import CASES
from tests.cli.conftest import Cli, write_shop


@pytest.fixture(scope="module")
def template(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that every case gets a copy of."""
    folder = tmp_path_factory.mktemp("template")
    shutil.copytree(model, folder / "model")
    shop = write_shop(folder / "shop.duckdb")
    result = "SELECT 7 AS user_id, 1::INTEGER AS rank, 'i1' AS item_id, 0.5::FLOAT AS score"
    with duckdb.connect(str(shop)) as connection:
        connection.execute(f"CREATE TABLE old_lists AS {result}")
        connection.execute("CREATE VIEW a_view AS FROM old_lists")
        connection.execute("CREATE TABLE notes AS SELECT 'mine' AS note")
        connection.execute(f"COPY ({result}) TO '{folder / 'old.parquet'}'")
    (folder / "old_parts").mkdir()
    shutil.copy(folder / "old.parquet", folder / "old_parts" / "part-00000-0123456789ab.parquet")
    (folder / "photos").mkdir()
    (folder / "photos" / "cat.jpg").write_bytes(b"cat")
    (folder / "notes.txt").write_text("mine")
    return folder


def snapshot(folder: Path) -> dict[str, bytes | None]:
    """Every file's content and every folder's name."""
    return {str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None for path in folder.rglob("*")}


def test_there_are_enough() -> None:
    assert len(CASES) >= 60
    assert len({case.name for case in CASES}) == len(CASES)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_bad_input(case: Case, cli: Cli, template: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "work"
    shutil.copytree(template, folder)
    monkeypatch.chdir(folder)
    if case.sql:
        with duckdb.connect("shop.duckdb") as connection:
            connection.execute(case.sql.replace("{tmp}", str(folder)))
    for name, content in case.files.items():
        (folder / name).write_bytes(content.encode() if isinstance(content, str) else content)
    if case.also is not None:
        case.also(folder)
    before = snapshot(folder)
    ran = cli(*shlex.split(case.args))
    assert ran.code == case.code, ran
    assert ran.err.startswith("Error: "), ran.err
    assert ran.err.count("\n") == 1, ran.err
    assert "unexpected" not in ran.err
    assert [word for word in case.says if word not in ran.err] == [], ran.err
    assert snapshot(folder) == before
