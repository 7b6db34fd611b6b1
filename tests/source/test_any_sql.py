"""Any name, any type of id, any order of rows: reading, splitting and scoring give what plain names and ids give."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any
from uuid import UUID

import duckdb
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from selfrec.model_folder.reading import Model
from selfrec.scoring.job import score_table
from selfrec.scoring.request import ScoringRequest
from selfrec.scoring.targets import parse_target
from selfrec.settings.tables import ScoringSettings, SourceSettings
from selfrec.source.dataset import load_for_model
from selfrec.source.ids import carried_type
from selfrec.source.open import open_source
from selfrec.source.quoting import identifier
from selfrec.source.reading import HistoryReader
from tests.scoring.shops import next_item_model
from tests.source.tables import lists, loose

ITEMS, USERS = 6, 5

TYPES: dict[str, Callable[[int], Any]] = {
    "BIGINT": lambda n: n - 2**62,
    "TINYINT": lambda n: n - 3,
    "UBIGINT": lambda n: 2**64 - 1 - n,
    "HUGEINT": lambda n: -(2**126) + n,
    "DECIMAL(30,0)": lambda n: Decimal(10**29 + n),
    "UUID": lambda n: UUID(int=2**127 + n * 2**64),
    "VARCHAR": lambda n: ["", "'", '"; --', "\n\t", "🦆", "007"][n],
}
"""Id n of each type, at the edges of what it holds."""

# Anything but half characters and NUL, which no name of DuckDB has.
# An option `none` is unset; a column of that name is reached as `NONE`, for DuckDB's names have no case.
NAMES = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=12).filter(
    lambda name: name != "none"
)
# `FILE::TABLE` is cut at the last `::`, so a table that has one, or begins with `:`, cannot be named so.
TARGETS = NAMES.filter(lambda name: "::" not in name and not name.startswith(":") and name.lower() != "selfrec_runs")
FOUR_NAMES = st.lists(NAMES, min_size=4, max_size=4, unique_by=(str.lower, str.casefold, str.upper))
EVENTS = st.lists(st.tuples(st.integers(0, USERS - 1), st.integers(0, ITEMS - 1)), min_size=1, max_size=30, unique=True)


@dataclass(frozen=True)
class Shape:
    """How the same events are written down."""

    names: tuple[str, ...] = ("interactions", "user_id", "item_id", "timestamp")
    """The table; the columns of user, item and time."""
    user_type: str = "BIGINT"
    item_type: str = "BIGINT"
    target: str = "lists"

    @property
    def settings(self) -> SourceSettings:
        table, user, item, time = self.names
        return SourceSettings(table=table, user_column=user, item_column=item, timestamp_column=time)


@cache
def model_of(item_type: str) -> Model:
    """The model that recommends item n + 1 to who has item n."""
    carried = carried_type(item_type)
    plain = [TYPES[item_type](n) for n in range(ITEMS)]
    ids = pa.array([str(one) for one in plain] if pa.types.is_string(carried) else plain, carried)
    folder = Path(tempfile.mkdtemp(prefix="selfrec-test-")) / "model"
    return next_item_model(folder, ITEMS, 4, item_ids=ids, item_type=item_type)


def write(path: Path, shape: Shape, rows: list[tuple[int, int, int]]) -> None:
    table, user, item, time = map(identifier, shape.names)
    with duckdb.connect(str(path)) as connection:
        connection.execute(
            f"CREATE TABLE {table} ({user} {shape.user_type}, {item} {shape.item_type}, {time} TIMESTAMP)"
        )
        flat = [(TYPES[shape.user_type](u), TYPES[shape.item_type](i), at) for u, i, at in rows]
        values = ", ".join(f"(?, ?, make_timestamp({at} * 1000000))" for _, _, at in flat)
        connection.execute(f"INSERT INTO {table} VALUES {values}", [one for row in flat for one in row[:2]])


def results(shape: Shape, rows: list[tuple[int, int, int]]) -> tuple[Any, Any, Any]:
    """What is read, how it is split, and the lists, in numbers of users and items."""
    users = {str(TYPES[shape.user_type](n)): n for n in range(USERS)}
    items = {str(TYPES[shape.item_type](n)): n for n in range(ITEMS)}
    model = model_of(shape.item_type)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "shop.duckdb"
        write(path, shape, rows)
        config = loose(source=shape.settings, split={"kind": "leave-last", "last_items": 1})
        with open_source(str(path), config.source, threads=1) as source:
            shard = HistoryReader(source, config, model.catalog).read(0)
        flat = list(zip(shard.items.tolist(), shard.weights.tolist(), shard.ages.tolist(), strict=True))
        read = {
            users[str(user)]: flat[start:end]
            for user, start, end in zip(shard.user_ids.to_pylist(), shard.offsets[:-1], shard.offsets[1:], strict=True)
        }
        data = load_for_model(str(path), config, model.catalog, threads=1)
        split = [sorted(lists(part)) for part in (data.train, data.validation.targets, data.test.targets)]
        settings, request = ScoringSettings(k=3, threads=1), ScoringRequest(source=shape.settings)
        score_table(model, str(path), parse_target(str(path), into=f"{path}::{shape.target}"), settings, request)
        with duckdb.connect(str(path)) as connection:
            found = connection.execute(f"SELECT * FROM {identifier(shape.target)}").fetchall()
            [(kept,)] = connection.execute(f"SELECT count(*) FROM {identifier(shape.names[0])}").fetchall()
            types = connection.execute(
                f"SELECT typeof(user_id), typeof(item_id) FROM {identifier(shape.target)} LIMIT 1"
            ).fetchall()
        assert kept == len(rows)
        assert types in ([], [(shape.user_type, shape.item_type)])
    rows_found = sorted((users[str(user)], rank, items[str(item)], score) for user, rank, item, score in found)
    return read, split, rows_found


@settings(max_examples=12, deadline=None)
@given(
    events=EVENTS,
    names=FOUR_NAMES,
    target=TARGETS,
    user_type=st.sampled_from(sorted(TYPES)),
    item_type=st.sampled_from(sorted(TYPES)),
    data=st.data(),
)
def test_names_types_and_order_change_nothing(
    events: list[tuple[int, int]], names: list[str], target: str, user_type: str, item_type: str, data: st.DataObject
) -> None:
    rows = [(user, item, at) for at, (user, item) in enumerate(events)]
    if target.casefold() in {name.casefold() for name in names}:
        target += "2"
    odd = Shape(tuple(names), user_type, item_type, target)
    plain = results(Shape(), rows)
    assert results(odd, data.draw(st.permutations(rows))) == plain
    read, _, found = plain
    assert {user: {item for item, _, _ in slots} for user, slots in read.items()} == {
        user: {item for one, item in events if one == user} for user, _ in events
    }
    assert not {(user, item) for user, _, item, _ in found} & set(events)


THREE = [(0, 0, 0), (0, 1, 1), (1, 2, 2)]
"""Events: user, item, time."""


@cache
def of_plain_names() -> tuple[Any, Any, Any]:
    return results(Shape(), THREE)


@pytest.mark.parametrize("name", ["weight", "event", "timestamp", "user_id", "epoch", "rowid", "select", "*", "é"])
def test_names_that_mean_something_elsewhere(name: str) -> None:
    """A column of ids is no weight and no time, whatever it is called."""
    assert results(Shape(("t", "someone", name, "at")), THREE) == of_plain_names()
    if name != "user_id":
        assert results(Shape(("t", name, "thing", "at")), THREE) == of_plain_names()
