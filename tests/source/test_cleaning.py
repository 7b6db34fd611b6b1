"""Every rule, with rows counted by hand."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

from selfrec.errors import ColumnError, EmptyDataError
from selfrec.source.dataset import load_dataset
from tests.source.tables import DAY, ids, lines, lists, loose, make_table

COLUMNS = {"user_id": "INTEGER", "item_id": "VARCHAR", "timestamp": "BIGINT", "event": "VARCHAR", "weight": "DOUBLE"}
ROWS: list[tuple[Any, ...]] = [
    (1, "a", 10, "view", 1.0),
    (1, "a", 30, "buy", 2.0),
    (1, "b", 20, "buy", 1.0),
    (1, "c", 40, "view", None),
    (1, "d", None, "view", 1.0),
    (1, "e", 50, "view", 1.0),
    (2, "a", 10, "view", 1.0),
    (2, "b", 20, "hate", 1.0),
    (2, "c", 30, "view", -1.0),
    (2, "e", 40, "view", float("nan")),
    (2, "d", 50, "view", float("inf")),
    (2, "f", 60, "view", 0.0),
    (2, "f", 70, "view", 3.0),
    (2, "g", 80, "view", 1.0),
    (None, "a", 10, "view", 1.0),
    (1, None, 10, "view", 1.0),
    (3, "a", 10, "scroll", 1.0),
    (3, "a", 10, None, 1.0),
]


def source(tmp_path: Path, rows: list[tuple[Any, ...]] = ROWS) -> str:
    return make_table(tmp_path / "shop.duckdb", COLUMNS, rows)


def test_a_date_far_in_the_future_is_told(tmp_path: Path) -> None:
    rows: list[tuple[Any, ...]] = [(user, item, 86_400 * 20_000, "view", 1.0) for user in range(20) for item in "abcde"]
    far = source(tmp_path, [*rows, (1, "f", 32_472_144_000, "view", 1.0)])
    told = lines(load_dataset(far, loose(cleaning={"half_life_days": 30.0}, split={"last_items": 1, "test": 0.0})))
    assert told["far newer than the rest"] == (
        101,
        0,
        "1 row up to 2999-01-01T00:00:00Z, all others until 2024-10-04T00:00:00Z: mend or leave out wrong dates; "
        "cleaning.half_life_days counts back from the newest",
    )
    usual = make_table(tmp_path / "usual.duckdb", COLUMNS, [*rows, *[(1, "f", 86_400 * 20_009, "view", 1.0)] * 2])
    told = lines(load_dataset(usual, loose(split={"last_items": 1, "test": 0.0})))
    assert "far newer than the rest" not in told


def test_each_rule_counts_its_rows(tmp_path: Path) -> None:
    config = loose(
        events={"view": 1.0, "buy": 5.0},
        cleaning={"exclude_events": ["hate"], "fold": "sum"},
        split={"last_items": 1, "test": 0.0},
    )
    data = load_dataset(source(tmp_path), config)
    seen = "still seen: never recommended to that user"
    assert lines(data) == {
        "null ids": (18, 2, ""),
        "events not named in [events]": (16, 2, "'scroll', null"),
        "cleaning.exclude_events": (14, 1, seen),
        "cleaning.missing_weight": (13, 0, "1 row filled with 1"),
        "weight not finite or not above 0": (13, 4, seen),
        "unknown time": (9, 0, "1 row, taken for the oldest"),
        "held out to measure (split.test)": (9, 0, ""),
        "repeats of a user and item (cleaning.fold = 'sum')": (9, 1, "added to the pair's weight"),
        "cleaning.min_users_per_item": (8, 0, "0 items with fewer than 1 user"),
        "cleaning.min_items_per_user": (8, 0, "0 users with fewer than 1 item"),
        "held out to choose (split.validation)": (8, 2, ""),
        "older than the newest max_history": (6, 0, ""),
        "validation part": (2, 0, "2 users"),
    }
    # a: 1 + 2 x 5; the unknown time first.
    assert ids(data, data.train) == [["d", "b", "a", "c"], ["a", "f"]]
    assert data.train.weights.tolist() == [1.0, 5.0, 11.0, 1.0, 1.0, 3.0]
    assert ids(data, data.validation.inputs) == ids(data, data.train)
    assert ids(data, data.validation.targets) == [["e"], ["g"]]
    # User 2 hated b, and rated c, d and e with impossible weights.
    assert data.validation.also_seen is not None
    assert [sorted(row) for row in ids(data, data.validation.also_seen)] == [[], ["b", "c", "d", "e"]]
    assert len(data.test) == 0
    assert ids(data, data.refit) == [["d", "b", "a", "c", "e"], ["a", "f", "g"]]


def test_names_of_events_that_no_row_has_are_said(tmp_path: Path) -> None:
    config = loose(
        events={"view": 1.0, "purchas": 5.0}, cleaning={"exclude_events": ["hate", "Buy"]}, split={"last_items": 1}
    )
    told = lines(load_dataset(source(tmp_path), config))
    assert told["events not named in [events]"] == (16, 4, "'buy', 'scroll', null; no row has 'purchas'")
    assert told["cleaning.exclude_events"][2] == "still seen: never recommended to that user; no row has 'Buy'"


def test_missing_weights_may_be_dropped(tmp_path: Path) -> None:
    config = loose(cleaning={"missing_weight": "drop"}, split={"last_items": 1, "test": 0.0})
    data = load_dataset(source(tmp_path, [*ROWS, (4, "c", 10, None, 1.0)]), config)
    assert lines(data)["cleaning.missing_weight"][:2] == (17, 1)
    assert data.validation.also_seen is not None
    assert "c" in ids(data, data.validation.also_seen)[0]


@pytest.mark.parametrize(("fold", "weight"), [("sum", 3.0), ("log", 2.0), ("one", 1.0)])
def test_folds(tmp_path: Path, fold: str, weight: float) -> None:
    rows = [(1, "a", day * DAY, None, 1.0) for day in (0, 2, 4)] + [(1, "b", 8 * DAY, None, 1.0)]
    config = loose(cleaning={"fold": fold}, split={"last_items": 1, "test": 0.0}, training={"refit": "none"})
    data = load_dataset(source(tmp_path, rows), config)
    assert data.train.weights.tolist() == [weight]
    assert data.refit is data.train


def test_half_life_counts_back_from_the_newest_event_of_the_part(tmp_path: Path) -> None:
    rows = [(1, "a", day * DAY, None, 4.0) for day in (0, 2, 4)] + [(1, "b", 8 * DAY, None, 4.0)]
    config = loose(cleaning={"fold": "sum", "half_life_days": 2.0}, split={"last_items": 1, "test": 0.0})
    data = load_dataset(source(tmp_path, rows), config)
    assert data.train.weights.tolist() == [1.0 + 2.0 + 4.0]
    assert data.train.ages.tolist() == [0.0]
    # b is in the final training too, four days later.
    assert data.refit.weights.tolist() == [7.0 / 4, 4.0]
    assert data.refit.ages.tolist() == [4.0, 0.0]
    # The inputs are looked back upon from the first hidden event.
    assert data.validation.inputs.weights.tolist() == [7.0 / 4]
    assert data.validation.inputs.ages.tolist() == [4.0]


def test_bots_are_more_than_the_robust_bound(tmp_path: Path) -> None:
    # 11 users of 2 events, spread 0: the bound is 1,000 events; a user of 1,000 stays, one of 1,001 goes.
    rows = [(user, item, 0, None, 1.0) for user in range(11) for item in ("a", "b")]
    rows += [(100, "a", 0, None, 1.0)] * 999 + [(100, "b", 0, None, 1.0)]
    rows += [(101, "a", 0, None, 1.0)] * 1000 + [(101, "bot", 0, None, 1.0)]
    config = loose(cleaning={"max_events_robust": 12.0}, split={"kind": "random", "validation": 0.5, "test": 0.0})
    data = load_dataset(source(tmp_path, rows), config)
    assert lines(data)["bots (cleaning.max_events_robust)"] == (
        2023,
        1001,
        "1 user with more than 1,000 events",
    )
    assert "bot" not in data.catalog.item_ids.to_pylist()
    assert len(data.refit) == 12


def test_bots_where_the_users_differ(tmp_path: Path) -> None:
    # Events a user: 1, 10, 100, 10,000. Median of logs ln 31.6, deviations ln(31.6, 3.16, 3.16, 316): their median
    # is between ln 3.16 and ln 31.6, that is ln 10.
    counts = {1: 1, 2: 10, 3: 100, 4: 10_000}
    rows = [(user, "a", 0, None, 1.0) for user, count in counts.items() for _ in range(count)]
    rows += [(user, "b", 0, None, 1.0) for user in (2, 3)]
    bound = math.exp(math.log(11 * 101) / 2 + 2.0 * 1.4826 * math.log(10))
    config = loose(cleaning={"max_events_robust": 2.0}, split={"kind": "random", "validation": 0.5, "test": 0.0})
    data = load_dataset(source(tmp_path, rows), config)
    [note] = [line.note for line in data.report if line.rule.startswith("bots")]
    assert note.startswith("0 users with more than ")
    assert abs(math.log(float(note.split()[-2].replace(",", ""))) - math.log(bound)) < 0.1


def test_the_core_is_taken_until_nothing_changes(tmp_path: Path) -> None:
    # x has 1 user; without x, user 4 has 1 item, c; without user 4, c has 1 user; user 3 keeps a and b.
    pairs = [(1, "a"), (1, "b"), (2, "a"), (2, "b"), (3, "a"), (3, "b"), (3, "c"), (4, "c"), (4, "x")]
    rows = [(user, item, 0, None, 1.0) for user, item in pairs]
    config = loose(
        cleaning={"min_users_per_item": 2, "min_items_per_user": 2},
        split={"kind": "random", "validation": 0.4, "test": 0.0},
    )
    data = load_dataset(source(tmp_path, rows), config)
    assert lines(data)["cleaning.min_users_per_item"] == (
        9,
        2,
        "2 items with fewer than 2 users, in 5 passes with the other rule",
    )
    assert lines(data)["cleaning.min_items_per_user"] == (
        7,
        1,
        "1 user with fewer than 2 items, in 5 passes with the other rule",
    )
    assert sorted(data.catalog.item_ids.to_pylist()) == ["a", "b"]
    assert data.refit.lengths.tolist() == [2, 2, 2]


def test_the_core_counts_only_what_the_model_learns_from(tmp_path: Path) -> None:
    """An item that reaches min_users_per_item with its test rows alone must not show in the model."""
    columns = {"user_id": "INTEGER", "item_id": "VARCHAR", "split": "VARCHAR"}
    pairs = [(user, item, "train") for user in (1, 2, 3) for item in ("a", "b")]
    pairs += [(1, "c", "train"), (2, "c", "test"), (3, "c", "test"), (2, "a", "test")]
    path = make_table(tmp_path / "shop.duckdb", columns, pairs)
    tables: dict[str, Any] = {"cleaning": {"min_users_per_item": 2}, "split": {"kind": "column", "validation": 0.4}}
    data = load_dataset(path, loose(**tables))
    assert sorted(data.catalog.item_ids.to_pylist()) == ["a", "b"]
    assert ids(data, data.test.targets) == [[None], [None]]
    assert lists(data.test.targets) == [[2], [2]]
    assert lines(data)["test part"] == (
        3,
        1,
        "2 users, 2 rows outside the catalog count as misses, 1 row shown as well left out",
    )
    assert "c" in load_dataset(path, loose(**tables, training={"refit": "all"})).catalog.item_ids.to_pylist()


def test_max_history_keeps_the_newest(tmp_path: Path) -> None:
    rows = [(1, name, time, None, 1.0) for time, name in enumerate("abcdef")]
    config = loose(cleaning={"max_history": 2}, split={"last_items": 1})
    data = load_dataset(source(tmp_path, rows), config)
    assert ids(data, data.train) == [["c", "d"]]
    assert lines(data)["older than the newest max_history"] == (4, 2, "")
    assert ids(data, data.validation.inputs) == [["c", "d"]]
    assert ids(data, data.validation.targets) == [["e"]]
    assert data.validation.also_seen is not None
    assert ids(data, data.validation.also_seen) == [["a", "b"]]
    assert ids(data, data.test.inputs) == [["d", "e"]]
    assert ids(data, data.test.take([0]).targets) == [[None]]
    assert data.test.take([0]).also_seen is not None


@pytest.mark.parametrize(
    ("tables", "rows", "rule", "hint"),
    [
        ({}, [(None, "a", 1, "view", 1.0)], "null ids", "--user-column"),
        ({"events": {"buy": 1.0}}, [(1, "a", 1, "view", 1.0)], "events not named", "'view'"),
        ({"cleaning": {"exclude_events": ["view"]}}, [(1, "a", 1, "view", 1.0)], "exclude_events", "exclude fewer"),
        ({"cleaning": {"missing_weight": "drop"}}, [(1, "a", 1, "view", None)], "missing_weight", "number"),
        ({}, [(1, "a", 1, "view", 0.0)], "weight not finite or not above 0", "--weight-column"),
        (
            {"cleaning": {"min_users_per_item": 5}},
            [(1, "a", 1, "v", 1.0), (1, "b", 2, "v", 1.0)],
            "cleaning.min_users_per_item",
            "lower cleaning.min_users_per_item (now 5)",
        ),
        (
            {"cleaning": {"min_items_per_user": 5}},
            [(1, "a", 1, "v", 1.0), (1, "b", 2, "v", 1.0)],
            "cleaning.min_items_per_user",
            "lower cleaning.min_items_per_user (now 5)",
        ),
        ({}, [(1, "a", 1, "view", 1.0)], "split 'leave-last' left no validation rows", "split.last_items = 1"),
    ],
)
def test_an_empty_result_names_the_rule(
    tmp_path: Path, tables: dict[str, Any], rows: list[tuple[Any, ...]], rule: str, hint: str
) -> None:
    with pytest.raises(EmptyDataError) as caught:
        load_dataset(source(tmp_path, rows), loose(**tables))
    assert rule in str(caught.value)
    assert hint in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("kind", ["leave-last", "random"])
def test_users_of_two_items_are_split_as_is_advised(tmp_path: Path, kind: str) -> None:
    place = source(tmp_path, [(user, item, 1, "view", 1.0) for user in range(4) for item in "ab"])
    with pytest.raises(EmptyDataError, match=r"raise split.validation \(of a user's two items, 0.5 hides one\)"):
        load_dataset(place, loose(split={"kind": kind}))
    assert len(load_dataset(place, loose(split={"kind": kind, "validation": 0.5})).validation) == 4


def test_no_rows_at_all(tmp_path: Path) -> None:
    with pytest.raises(EmptyDataError, match="has no rows"):
        load_dataset(source(tmp_path, []), loose())


@pytest.mark.parametrize(
    ("tables", "words"),
    [
        ({"events": {"buy": 1.0}}, "events is set but there is no event column"),
        ({"cleaning": {"exclude_events": ["hate"]}}, "cleaning.exclude_events is set but there is no event column"),
        ({"cleaning": {"half_life_days": 3.0}}, "half_life_days is set but no time is known"),
        ({"split": {"kind": "temporal"}}, "needs times, but there is no time column"),
        ({"split": {"kind": "column"}}, "no column 'split'; name one with split.column"),
    ],
)
def test_options_that_need_a_column(tmp_path: Path, tables: dict[str, Any], words: str) -> None:
    path = make_table(tmp_path / "shop.duckdb", {"user_id": "INTEGER", "item_id": "INTEGER"}, [(1, 1), (1, 2)])
    with pytest.raises(ColumnError, match=words):
        load_dataset(path, loose(**tables))


def test_columns_that_were_not_used_are_told(tmp_path: Path) -> None:
    columns = {"user_id": "INTEGER", "item_id": "INTEGER", "timestamp": "VARCHAR"}
    path = make_table(tmp_path / "shop.duckdb", columns, [(1, 1, "x"), (1, 2, "y"), (1, 3, "z")])
    data = load_dataset(path, loose(split={"validation": 0.4, "test": 0.0}))
    assert data.split == "random"
    assert lines(data)["columns"][2].startswith("column 'timestamp' is VARCHAR")


def test_event_names_of_any_kind(tmp_path: Path) -> None:
    name = "o'buy\"; DROP TABLE x; --\n🙂"
    rows = [(1, "a", 1, name, 1.0), (1, "b", 2, "it's", 1.0), (1, "c", 3, name, 1.0)]
    config = loose(
        events={name: 2.0}, cleaning={"exclude_events": ["it's"], "fold": "sum"}, split={"last_items": 1, "test": 0.0}
    )
    data = load_dataset(source(tmp_path, rows), config)
    assert ids(data, data.refit) == [["a", "c"]]
    assert data.refit.weights.tolist() == [2.0, 2.0]


def test_a_user_of_a_million_events(tmp_path: Path) -> None:
    import duckdb

    path = tmp_path / "shop.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute(
            "CREATE TABLE interactions AS SELECT 0 AS user_id, r % 1000 AS item_id, r AS timestamp, 0.1 AS weight "
            "FROM range(1_000_000) t(r) UNION ALL SELECT 1 + r // 10, r % 10, r, 1 FROM range(100) t(r)"
        )
    bots = load_dataset(str(path), loose(cleaning={"max_events_robust": 12.0}))
    assert lines(bots)["bots (cleaning.max_events_robust)"][1] == 1_000_000
    kept = load_dataset(str(path), loose(cleaning={"fold": "sum"}, split={"kind": "random"}))
    assert kept.refit.lengths.max() == 500
    assert kept.refit.weights[:500] == pytest.approx(100.0)
