"""`selfrec score`: names of tables, and what it tells of a run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pytest

import selfrec
from selfrec.errors import SettingsError
from tests.cli.conftest import USERS, Cli


@pytest.mark.parametrize("name", ["a;b", "it's", 'say "hi"', "v1.2 lists", "lists.parquet ", "parquet", "a\\b"])
def test_tables_of_any_name(cli: Cli, model: Path, shop: Path, name: str) -> None:
    ran = cli("score", model, shop, "--into", name, "-k", "1")
    assert ran.code == 0, ran.err
    assert _count(shop, name) == USERS


@pytest.mark.parametrize("name", ["lists.parquet", "a/b"])
def test_a_table_named_like_a_path(cli: Cli, model: Path, shop: Path, name: str) -> None:
    """Where there is one already, or who names the database."""
    assert cli("score", model, shop, "--into", name, "-k", "1").code == 2
    assert cli("score", model, shop, "--into", f"{shop}::{name}", "-k", "1").code == 0
    assert _count(shop, name) == USERS
    assert cli("score", model, shop, "--into", name, "-k", "2").code == 0
    assert _count(shop, name) == 2 * USERS


@pytest.mark.parametrize("wait", [-1, -0.5, float("nan"), True, "5", None])
def test_no_time_to_wait_in_python(model: Path, shop: Path, wait: Any) -> None:
    with pytest.raises(SettingsError) as caught:
        selfrec.load(model).score(shop, into="lists", wait=wait)
    assert str(caught.value) == f"wait is {wait!r}; give a number of seconds, at least 0"
    with duckdb.connect(str(shop), read_only=True) as connection:
        assert connection.execute("FROM duckdb_tables() SELECT table_name ORDER BY 1").fetchall() == [
            ("interactions",),
            ("products",),
        ]


def test_a_time_to_wait_may_be_a_number_of_numpy(model: Path, shop: Path, tmp_path: Path) -> None:
    assert selfrec.load(model).score(shop, to=tmp_path / "lists.parquet", wait=np.int64(1)).rows  # type: ignore[arg-type]


def _count(shop: Path, table: str) -> int:
    with duckdb.connect(str(shop), read_only=True) as connection:
        quoted = table.replace('"', '""')
        [(rows,)] = connection.execute(f'SELECT count(*) FROM "{quoted}"').fetchall()
        return int(rows)
