"""Fingerprints: the same for the same events in any order, another for any other events that are read."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from selfrec.errors import SourceError
from selfrec.settings.tables import CleaningSettings, Config
from selfrec.source.fingerprints import CHANGED, FINGERPRINTS, STALE, Compared, compare, fingerprint_users
from selfrec.source.open import open_source
from tests.catalogs import catalog_of

Row = tuple[Any, ...]
CATALOG = catalog_of(pa.array([10, 11, 12], pa.int64()))
WEIGHED = Config(cleaning=CleaningSettings(exclude_events=("dislike",)))


def fingerprints(folder: Path, rows: list[Row], config: Config = WEIGHED, users: str | None = None) -> dict[str, int]:
    """By user, of rows user, item, day, event, weight."""
    write(folder, rows)
    with open_source(str(folder / "shop.parquet"), config.source) as source:
        fingerprint_users(source, config, CATALOG, users)
        compare(source, None, folder)
    table = pq.read_table(folder / FINGERPRINTS)
    return dict(zip(table["user_id"].to_pylist(), table["fingerprint"].to_pylist(), strict=True))


def write(folder: Path, rows: list[Row]) -> None:
    names = ("user_id", "item_id", "timestamp", "event", "weight")
    types = (pa.string(), pa.int64(), pa.int64(), pa.string(), pa.float64())
    columns = list(zip(*rows, strict=True))
    pq.write_table(
        pa.table({name: pa.array(column, kind) for name, column, kind in zip(names, columns, types, strict=True)}),
        folder / "shop.parquet",
    )


BASE: list[Row] = [("ann", 10, 1, "buy", 1.0), ("ann", 11, 2, "buy", 2.0), ("bob", 12, 3, "buy", 1.0)]


@pytest.mark.parametrize(
    "rows",
    [
        [("ann", 12, 1, "buy", 1.0), BASE[1]],
        [("ann", 10, 2, "buy", 1.0), ("ann", 11, 1, "buy", 2.0)],
        [("ann", 10, 1, "buy", 2.0), ("ann", 11, 2, "buy", 1.0)],
        [("ann", 10, 1, "buy", 1.5), BASE[1]],
        [("ann", 10, None, "buy", 1.0), BASE[1]],
        [("ann", 10, 1, "dislike", 1.0), BASE[1]],
        [BASE[0]],
        [BASE[0], BASE[0], BASE[1]],
        [BASE[0], BASE[0], BASE[1], BASE[1]],
        [("ann", 99, 1, "buy", 1.0)],
    ],
    ids=["item", "times swapped", "weights swapped", "weight", "time", "event", "fewer", "twice", "both twice", "none"],
)
def test_any_other_events_give_another(tmp_path: Path, rows: list[Row]) -> None:
    before = fingerprints(tmp_path, BASE)
    after = fingerprints(tmp_path, [*rows, BASE[2]])
    assert before["ann"] != after["ann"]
    assert before["bob"] == after["bob"]


@pytest.mark.parametrize(
    "more",
    [[("ann", 99, 7, "buy", 1.0)], [(None, 10, 1, "buy", 1.0)], [("ann", None, 1, "buy", 1.0)]],
    ids=["an item outside the catalog", "no user", "no item"],
)
def test_what_is_not_read_does_not_show(tmp_path: Path, more: list[Row]) -> None:
    before = fingerprints(tmp_path, BASE)
    assert fingerprints(tmp_path, BASE + more) == before
    assert all(fingerprints(tmp_path, list(order)) == before for order in itertools.permutations(BASE + more))


def test_the_first_item_counts_where_there_is_nothing_else(tmp_path: Path) -> None:
    for name, items in (("one", [11]), ("two", [11, 10])):
        pq.write_table(pa.table({"user_id": ["ann"] * len(items), "item_id": items}), tmp_path / f"{name}.parquet")
        with open_source(str(tmp_path / f"{name}.parquet"), Config().source) as source:
            fingerprint_users(source, Config(), CATALOG, None)
            (tmp_path / name).mkdir()
            compare(source, None, tmp_path / name)
    one, two = (pq.read_table(tmp_path / name / FINGERPRINTS)["fingerprint"].to_pylist() for name in ("one", "two"))
    assert one != two


def test_a_user_without_events_that_are_read_has_0(tmp_path: Path) -> None:
    pq.write_table(pa.table({"user_id": ["bob", "new", None, "bob"]}), tmp_path / "users.parquet")
    found = fingerprints(tmp_path, BASE, users=str(tmp_path / "users.parquet"))
    assert found == {"bob": fingerprints(tmp_path, BASE)["bob"], "new": 0}
    assert fingerprints(tmp_path, [*BASE, ("cid", 99, 1, "buy", 1.0)])["cid"] == 0


ROWS = st.lists(
    st.tuples(
        st.sampled_from(["ann", "bob"]),
        st.sampled_from([10, 11, 99]),
        st.integers(0, 2),
        st.sampled_from(["buy", "dislike"]),
        st.sampled_from([1.0, 2.0, None]),
    ),
    min_size=1,
    max_size=6,
)


@given(one=ROWS, other=ROWS)
@settings(max_examples=40, deadline=None)
def test_equal_where_the_events_read_are_equal(
    tmp_path_factory: pytest.TempPathFactory, one: list[Row], other: list[Row]
) -> None:
    folder = tmp_path_factory.mktemp("rows")
    found = [fingerprints(folder, rows) for rows in (one, other)]
    for user in found[0].keys() & found[1].keys():
        read = [sorted(_read(row) for row in rows if row[0] == user and row[1] != 99) for rows in (one, other)]
        assert (found[0][user] == found[1][user]) == (read[0] == read[1])


def _read(row: Row) -> Row:
    _, item, day, event, weight = row
    return item, day, 0.0 if event == "dislike" else 1.0 if weight is None else weight


def test_compare_writes_who_changed(tmp_path: Path) -> None:
    fingerprints(tmp_path, [*BASE, ("eve", 10, 1, "buy", 1.0)])
    earlier = (tmp_path / FINGERPRINTS).rename(tmp_path / "earlier.parquet")
    write(tmp_path, [*BASE[:2], ("bob", 12, 4, "buy", 1.0), ("new", 10, 1, "buy", 1.0)])
    with open_source(str(tmp_path / "shop.parquet"), WEIGHED.source) as source:
        fingerprint_users(source, WEIGHED, CATALOG, None)
        assert compare(source, earlier, tmp_path) == Compared(users=3, scored=2, kept=1, removed=1)
        earlier.write_bytes(b"PAR1")
        with pytest.raises(SourceError, match="fingerprints cannot be read"):
            compare(source, earlier, tmp_path)
    with duckdb.connect() as connection:
        for name, users in ((CHANGED, ["bob", "new"]), (STALE, ["bob", "eve", "new"])):
            assert connection.execute(f"FROM '{tmp_path / name}' ORDER BY user_id").fetchall() == [(u,) for u in users]
