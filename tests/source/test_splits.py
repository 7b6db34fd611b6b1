"""The five kinds of split, on data small enough to see through, and what holds for all of them."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import duckdb
import pytest

from selfrec.errors import ColumnError, EmptyDataError
from selfrec.source.dataset import Dataset, load_dataset
from selfrec.source.splits import hidden_sql
from tests.source.tables import DAY, ids, lines, loose, make_table

COLUMNS = {"user_id": "INTEGER", "item_id": "INTEGER", "timestamp": "BIGINT"}


def load(tmp_path: Path, rows: list[tuple[Any, ...]], columns: dict[str, str] = COLUMNS, **split: Any) -> Dataset:
    return load_dataset(make_table(tmp_path / "shop.duckdb", columns, rows), loose(split=split))


def test_how_many_are_hidden() -> None:
    def hidden(share: float, count: int) -> int:
        return int(duckdb.execute(f"SELECT {hidden_sql(share, str(count))}").fetchall()[0][0])

    assert [hidden(0.1, n) for n in (1, 2, 3, 4, 5, 14, 15, 25)] == [0, 0, 0, 0, 1, 1, 2, 3]
    assert [hidden(0.01, n) for n in (4, 5, 149, 150)] == [0, 1, 1, 2]
    assert [hidden(0.5, n) for n in (1, 2, 3)] == [1, 1, 2]
    assert hidden(0, 100) == 0


def test_leave_last_hides_the_newest_items(tmp_path: Path) -> None:
    rows = [(1, item, item * DAY) for item in range(10)] + [(2, item, item * DAY) for item in range(4)]
    rows += [(1, 0, 20 * DAY)]  # item 0 comes back and is the newest
    data = load(tmp_path, rows)
    assert data.split == "leave-last"
    # User 1: test 1 of 10, validation 1. User 2 has too few to hide any.
    assert ids(data, data.test.targets) == [[0]]
    assert ids(data, data.validation.targets) == [[9]]
    assert ids(data, data.validation.inputs) == [[1, 2, 3, 4, 5, 6, 7, 8]]
    assert ids(data, data.test.inputs) == [[1, 2, 3, 4, 5, 6, 7, 8, 9]]
    assert ids(data, data.train) == [[1, 2, 3, 4, 5, 6, 7, 8], [0, 1, 2, 3]]
    assert ids(data, data.refit) == [[1, 2, 3, 4, 5, 6, 7, 8, 9], [0, 1, 2, 3]]
    # Days before the first hidden event: the test item's first event is hidden with it.
    assert data.validation.inputs.ages.tolist() == [8, 7, 6, 5, 4, 3, 2, 1]
    assert data.test.inputs.ages[-1] == 11
    assert data.train.ages.tolist()[-1] == 5  # the newest training event is item 8's


@pytest.mark.parametrize("last", [4, 99999])
def test_last_items_beyond_every_history(tmp_path: Path, last: int) -> None:
    """With 3 of the 5 items to measure on, one is left to choose on and one to learn from."""
    rows = [(1, item, item) for item in range(5)]
    config = loose(split={"last_items": last}, cleaning={"min_users_per_item": 5})
    path = make_table(tmp_path / "shop.duckdb", COLUMNS, rows)
    with pytest.raises(EmptyDataError) as caught:
        load_dataset(path, config)
    assert f"split.last_items = {last} leaves nothing to choose on" in str(caught.value)
    assert str(caught.value).endswith("the longest history has 5 items; set split.last_items to 3 or less")
    data = load(tmp_path, rows, last_items=3)
    assert ids(data, data.validation.targets) == [[1]]
    with pytest.raises(EmptyDataError, match=r"now 5\), or split.last_items \(now 3\)"):
        load_dataset(path, loose(split={"last_items": 3}, cleaning={"min_users_per_item": 5}))


def test_leave_last_items(tmp_path: Path) -> None:
    rows = [(user, item, item) for user in range(1, 6) for item in range(user)]
    data = load(tmp_path, rows, last_items=2)
    # Test first, then validation, and one item is always left to train on.
    assert ids(data, data.test.targets) == [[1], [1, 2], [2, None], [None, None]]  # 3 and 4 are nobody's before
    assert ids(data, data.validation.targets) == [[1], [1, 2]]
    assert ids(data, data.train) == [[0]] * 5


def test_options_of_another_kind_are_told(tmp_path: Path) -> None:
    rows = [(user, item, item) for user in range(20) for item in range(10)]
    options: dict[str, Any] = {"last_items": 2, "fold_in": 0.5, "column": "part"}
    for kind, idle in (("users", ["last_items", "column"]), (None, ["fold_in", "column"])):
        told = {line.rule: line.note for line in load(tmp_path, rows, kind=kind, **options).report}
        assert [f"split.{name}" for name in options if f"split.{name}" in told] == [f"split.{name}" for name in idle]
        assert told["split.column"].startswith("'part' does nothing: it goes with split.kind = 'column', and this is '")
    assert not any(line.rule == "split.fold_in" for line in load(tmp_path, rows).report)


def test_temporal_cuts_where_the_share_is_nearest(tmp_path: Path) -> None:
    # Ten events on days 0..9 of user 1, one of user 2 on day 9, one without a time.
    rows = [(1, item, item * DAY) for item in range(10)] + [(2, 0, 0), (2, 9, 9 * DAY), (2, 5, None)]
    data = load(tmp_path, rows, kind="temporal", test=0.15, validation=0.2)
    # 13 events: 15 % is 1.95: the two on day 9. 20 % is 2.6: days 6, 7 and 8.
    assert ids(data, data.test.targets) == [[None], [None]]
    assert ids(data, data.validation.targets) == [[6, 7, 8]]
    assert ids(data, data.train) == [[0, 1, 2, 3, 4, 5], [5, 0]]
    assert ids(data, data.validation.inputs) == [[0, 1, 2, 3, 4, 5]]
    assert data.validation.inputs.ages.tolist() == [6, 5, 4, 3, 2, 1]
    assert ids(data, data.test.inputs)[1] == [5, 0]
    assert data.test.inputs.ages.tolist()[-2:] == [0, 9]  # unknown, and nine days before the cut


def test_temporal_keeps_a_moment_whole_and_drops_repeats_and_cold_users(tmp_path: Path) -> None:
    rows = [
        (1, 1, 0),
        (1, 2, 0),
        (2, 1, 0),
        (1, 1, DAY),
        (1, 3, DAY),
        (1, 1, 2 * DAY),
        (1, 2, 2 * DAY),
        (1, 4, 2 * DAY),
    ]
    rows += [(9, 1, 2 * DAY), (9, 2, 2 * DAY)]
    data = load(tmp_path, rows, kind="temporal", test=0.1, validation=0.1)
    assert ids(data, data.validation.targets) == [[3]]
    assert lines(data)["validation part"] == (2, 1, "1 user, 1 row shown as well left out")
    # User 9 is new: there is nothing to show. 1 and 2 were seen before.
    assert ids(data, data.test.targets) == [[None]]
    assert lines(data)["test part"] == (
        5,
        4,
        "1 user, 1 user without a shown item of the catalog left out, 1 row outside the catalog count as misses, "
        "2 rows shown as well left out",
    )
    # The event of day 1 adds to item 1's weight in the final training and in the test inputs: log2(1 + 2).
    assert data.train.weights.tolist() == [1.0, 1.0, 1.0]
    assert max(data.refit.weights.tolist()) == pytest.approx(1.5849625)
    assert ids(data, data.test.inputs) == [[2, 1, 3]]


def test_temporal_with_too_few_moments(tmp_path: Path) -> None:
    rows = [(1, 1, 0), (1, 2, 0), (1, 3, 5)]
    with pytest.raises(EmptyDataError, match="only 2 different times"):
        load(tmp_path, rows, kind="temporal")
    data = load(tmp_path, rows, kind="temporal", test=0.0)
    assert ids(data, data.validation.inputs) == [[1, 2]]
    assert len(data.test) == 0


def test_random_hides_a_share_of_each_user(tmp_path: Path) -> None:
    rows = [(user, item, None) for user in range(50) for item in range(20)]
    data = load(tmp_path, rows)
    assert data.split == "random"
    assert data.test.targets.lengths.tolist() == [2] * 50
    assert data.validation.targets.lengths.tolist() == [2] * 50
    assert data.train.lengths.tolist() == [16] * 50
    for held, shown in ((data.validation, 16), (data.test, 18)):
        assert held.inputs.lengths.tolist() == [shown] * 50
    # Chance falls on all items alike: 100 draws over 20 items.
    counts = Counter(data.test.targets.items.tolist())
    assert set(counts) == set(range(20))
    assert max(counts.values()) < 15
    other = load_dataset(str(tmp_path / "shop.duckdb"), loose(seed=1))
    assert other.test.targets.items.tolist() != data.test.targets.items.tolist()


class TestOfMoreUsersThanAreAsked:
    """training.validation_users: 20 users of 10 items, 5 of them asked."""

    ROWS = tuple((user, item, item * DAY) for user in range(20) for item in range(10))

    def load(self, tmp_path: Path, rows: list[tuple[Any, ...]], columns: dict[str, str], **split: Any) -> Dataset:
        path = make_table(tmp_path / "shop.duckdb", columns, rows)
        return load_dataset(path, loose(split=split, training={"validation_users": 5}))

    def test_only_they_hide_rows_that_are_drawn(self, tmp_path: Path) -> None:
        data = self.load(tmp_path, list(self.ROWS), COLUMNS, kind="random")
        assert data.validation.targets.lengths.tolist() == [1] * 5
        assert sorted(data.train.lengths.tolist()) == [8] * 5 + [9] * 15
        assert data.refit.lengths.tolist() == [9] * 20
        assert data.test.targets.lengths.tolist() == [1] * 20

    def test_the_same_whatever_the_order_of_the_rows(self, tmp_path: Path) -> None:
        first = self.load(tmp_path, list(self.ROWS), COLUMNS, kind="random")
        other = self.load(tmp_path, list(reversed(self.ROWS)), COLUMNS, kind="random")
        assert first.validation.targets.items.tobytes() == other.validation.targets.items.tobytes()

    @pytest.mark.parametrize(("kind", "hidden"), [("leave-last", 1), ("temporal", 2)])
    def test_the_newest_are_hidden_of_all(self, tmp_path: Path, kind: str, hidden: int) -> None:
        data = self.load(tmp_path, list(self.ROWS), COLUMNS, kind=kind, validation=hidden / 10)
        assert data.validation.targets.lengths.tolist() == [hidden] * 20

    def test_whole_users(self, tmp_path: Path) -> None:
        data = self.load(tmp_path, list(self.ROWS), COLUMNS, kind="users", test=0.1, validation=0.5)
        assert (len(data.test), len(data.validation), len(data.train)) == (2, 5, 13)

    @pytest.mark.parametrize(("label", "hidden"), [("validation", 20), ("train", 5)])
    def test_a_column_that_says_validation_is_taken_at_its_word(self, tmp_path: Path, label: str, hidden: int) -> None:
        labels = [label, "test", *["train"] * 8]
        rows = [(user, item, labels[item]) for user in range(20) for item in range(10)]
        data = self.load(tmp_path, rows, LABELLED, kind="column")
        assert data.validation.targets.lengths.tolist() == [1] * hidden
        assert data.refit.lengths.tolist() == [9] * 20


def test_users_holds_whole_users_out(tmp_path: Path) -> None:
    rows = [(user, item, None) for user in range(20) for item in range(10)] + [(99, 0, None)]
    data = load(tmp_path, rows, kind="users", test=0.1, validation=0.2, fold_in=0.75)
    # 21 users: 2 test, 4 validation; the user of one item cannot be held out. 7.5 of 10 items rounds to 8.
    assert (len(data.test), len(data.validation), len(data.train)) == (2, 4, 15)
    assert data.test.inputs.lengths.tolist() == [8, 8]
    assert data.test.targets.lengths.tolist() == [2, 2]
    assert data.train.lengths.tolist() == [10] * 14 + [1]
    # The final training has the validation users' whole histories, not the test users'.
    assert data.refit.lengths.tolist() == [10] * 18 + [1]
    for row in range(2):
        shown, hidden = ids(data, data.test.inputs)[row], ids(data, data.test.targets)[row]
        assert sorted(shown + hidden) == list(range(10))


def test_a_users_draw_does_not_move_when_others_come(tmp_path: Path) -> None:
    rows = [(user, item, None) for user in range(0, 20, 2) for item in range(20)]
    first = load(tmp_path, rows)
    more = load(tmp_path, rows + [(user, item, None) for user in range(1, 20, 2) for item in range(20)])
    assert [sorted(row) for row in ids(more, more.test.targets)[::2]] == [
        sorted(row) for row in ids(first, first.test.targets)
    ]


def test_users_with_too_few(tmp_path: Path) -> None:
    rows = [(1, 1, None), (1, 2, None), (2, 1, None), (2, 2, None)]
    with pytest.raises(EmptyDataError, match="2 users with 2 or more items"):
        load(tmp_path, rows, kind="users")
    assert len(load(tmp_path, rows, kind="users", test=0.0).validation) == 1


LABELLED = {"user_id": "INTEGER", "item_id": "INTEGER", "split": "VARCHAR"}


def test_column_takes_the_parts_as_they_are(tmp_path: Path) -> None:
    rows = [(1, 1, "train"), (1, 2, "Train "), (1, 3, "validation"), (1, 4, "test"), (2, 1, "train"), (2, 3, "test")]
    data = load(tmp_path, rows, LABELLED, kind="column")
    assert [sorted(row) for row in ids(data, data.train)] == [[1, 2], [1]]
    assert ids(data, data.validation.targets) == [[3]]
    assert ids(data, data.test.targets) == [[None], [3]]
    assert [sorted(row) for row in ids(data, data.test.inputs)] == [[1, 2, 3], [1]]


def test_column_without_validation_draws_one_from_train(tmp_path: Path) -> None:
    rows = [(user, item, "train" if item < 20 else "test") for user in range(10) for item in range(21)]
    data = load(tmp_path, rows, LABELLED, kind="column")
    assert data.validation.targets.lengths.tolist() == [2] * 10
    assert data.train.lengths.tolist() == [18] * 10
    assert data.test.inputs.lengths.tolist() == [20] * 10
    assert data.test.targets.items.tolist() == [20] * 10  # outside the catalog


@pytest.mark.parametrize("label", ["dev", None])
def test_column_with_other_words(tmp_path: Path, label: str | None) -> None:
    with pytest.raises(ColumnError, match=r"column 'split' has (null|'dev'); it says train, validation or test"):
        load(tmp_path, [(1, 1, "train"), (1, 2, label)], LABELLED, kind="column")


def test_column_of_any_name(tmp_path: Path) -> None:
    name = 'a "split"; column\n🙂'
    rows = [(1, 1, "train"), (1, 2, "validation"), (1, 3, "test")]
    columns = {"user_id": "INTEGER", "item_id": "INTEGER", name: "VARCHAR"}
    data = load(tmp_path, rows, columns, kind="column", column=name)
    assert ids(data, data.validation.targets) == [[2]]


def test_all_known_times_missing(tmp_path: Path) -> None:
    rows = [(user, item, None) for user in range(3) for item in range(10)]
    with pytest.raises(ColumnError, match="column 'timestamp' has no known time"):
        load(tmp_path, rows, kind="leave-last")
