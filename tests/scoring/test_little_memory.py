"""Where less memory than usual is not enough for DuckDB, it gets all that was allowed, and the result is the same."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pytest

from selfrec.model_folder.reading import Model
from selfrec.scoring import table_target
from selfrec.scoring.job import score_table
from selfrec.scoring.request import ScoringRequest
from selfrec.scoring.targets import parse_target
from selfrec.settings.tables import ScoringSettings
from selfrec.source import event_reading, listed_users
from selfrec.source.memory import MemoryLimit
from tests.scoring.shops import read_rows, write_many


@pytest.mark.parametrize("changed_only", [False, True])
def test_the_result_is_the_same(
    model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, changed_only: bool
) -> None:
    shop = tmp_path / "shop.duckdb"
    write_many(shop, users=20_000)
    refused: list[str] = []

    def within(memory: MemoryLimit, query: Callable[[], Any]) -> Any:
        def told() -> Any:
            try:
                return query()
            except duckdb.OutOfMemoryException as error:
                refused.append(str(error))
                raise

        return plain(memory, told)

    plain = MemoryLimit.within
    monkeypatch.setattr(MemoryLimit, "within", within)
    settings = ScoringSettings(k=2, shard_rows=8000)
    request = ScoringRequest(changed_only=changed_only)
    for table in ("usual", "little"):
        if table == "little":
            assert refused == []
            for module, name in ((listed_users, "LISTING"), (event_reading, "READING"), (table_target, "WRITING")):
                monkeypatch.setattr(module, name, 1)
        score_table(model, str(shop), parse_target(str(shop), into=table), settings, request)
    rows = read_rows(shop, "usual")
    assert len(rows) == 40_000
    assert read_rows(shop, "little") == rows
    assert len(refused) >= 2, "while reading and while writing"
