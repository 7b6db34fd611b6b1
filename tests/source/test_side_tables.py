"""Tables of user and item columns: into a data set, into histories for scoring, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pytest

from selfrec.errors import ColumnError, SourceError
from selfrec.side_columns import SideTable
from selfrec.source.dataset import Dataset, load_dataset
from selfrec.source.open import open_source
from selfrec.source.reading import HistoryReader
from selfrec.source.side_places import SidePlaces
from selfrec.source.side_tables import qualified
from tests.source.tables import lines, loose, make_table

EVENTS = {"household": "VARCHAR", "item_id": "INTEGER", "timestamp": "TIMESTAMP"}
COLUMNS = {"household": "VARCHAR", "income": "DOUBLE", "town": "VARCHAR", "since": "DATE"}
PEOPLE = [("a", 10, "Ulm", "2020-01-01"), ("b", 30, "Ulm", None), ("c", None, "Bonn", None), ("new", 90, "Ulm", None)]
CONFIG: dict[str, Any] = {"source": {"user_column": "household"}, "split": {"last_items": 1}}


@pytest.fixture
def shop(tmp_path: Path) -> str:
    """Households a to d, items 1 to 4, a day apart; d is no row of the people."""
    rows = [(user, item, f"2026-01-0{item}") for user in "abcd" for item in (1, 2, 3, 4)]
    path = make_table(tmp_path / "shop.duckdb", EVENTS, rows)
    make_table(tmp_path / "shop.duckdb", COLUMNS, PEOPLE, "people")
    make_table(
        tmp_path / "shop.duckdb",
        {"item_id": "INTEGER", "price": "INTEGER", "brand": "VARCHAR"},
        [(1, 1, "x"), (2, 3, "x"), (4, None, "y")],
        "products",
    )
    return path


def load(shop: str, **more: Any) -> Dataset:
    config = more.pop("config", {})
    places = {"user_features": "people", "item_features": "products", **more}
    return load_dataset(shop, loose(**CONFIG, **config), SidePlaces(**places))


class TestFit:
    def test_users_by_hand(self, shop: str) -> None:
        """Income of a and b: mean 20, deviation 10. `since` is a date and is left out."""
        data = load(shop)
        assert data.user_table is not None
        assert data.user_table.labels == ("income", "town=Bonn", "town=Ulm")
        assert (data.user_table.place, data.user_table.key) == ("people", "household")
        expected = [[-1, 0, 1], [1, 0, 1], [0, 1, 0], [0, 0, 0]]
        for histories in (data.train, data.refit, data.validation.inputs, data.test.inputs):
            assert histories.user_features is not None
            assert histories.user_features.tolist() == expected
        assert lines(data)["user features"][2] == (f"table 'people' of {shop} has 3 of 4 users; not taken: since")

    def test_names_of_folders_are_columns(self, shop: str, tmp_path: Path) -> None:
        rows = [("a", 10, "Ulm"), ("b", 30, "Ulm"), ("c", None, "Bonn")]
        make_table(
            tmp_path / "shop.duckdb", {"household": "VARCHAR", "income": "INT", "town": "VARCHAR"}, rows, "by_town"
        )
        with duckdb.connect(shop) as connection:
            connection.execute(f"COPY by_town TO '{tmp_path}/people' (FORMAT parquet, PARTITION_BY (town))")
        data = load(shop, user_features=f"{tmp_path}/people/*/*.parquet")
        assert data.user_table is not None
        assert data.user_table.labels == ("income", "town=Bonn", "town=Ulm")
        assert data.train.user_features is not None
        assert data.train.user_features.tolist() == [[-1, 0, 1], [1, 0, 1], [0, 1, 0], [0, 0, 0]]

    def test_items_by_hand(self, shop: str) -> None:
        """Item 4 is everyone's test item and so in no training row: its price and brand do not count."""
        data = load(shop)
        assert data.item_table is not None
        assert data.item_table.labels == ("price", "brand=x")
        assert data.item_features is not None
        by_id = dict(zip(data.catalog.item_ids.to_pylist(), data.item_features.tolist(), strict=True))
        assert by_id == {1: [-1, 1], 2: [1, 1], 3: [0, 0]}

    def test_a_row_is_of_exactly_its_item(self, shop: str) -> None:
        """Ids in text, as CSV files have them: 2.6 is not item 3."""
        rows = [("01", 1, "x"), (" 2 ", 3, "y"), ("2.6", 9, "z"), ("3e0", 9, "z")]
        make_table(Path(shop), {"item_id": "VARCHAR", "price": "INTEGER", "brand": "VARCHAR"}, rows, "spelt")
        data = load(shop, item_features="spelt", items="spelt")
        assert data.item_features is not None
        by_id = dict(zip(data.catalog.item_ids.to_pylist(), data.item_features.tolist(), strict=True))
        assert by_id == {1: [-1, 1, 0], 2: [1, 0, 1], 3: [0, 0, 0]}
        assert sorted(zip(data.catalog.item_ids.to_pylist(), data.catalog.texts("brand"), strict=True)) == [
            (1, "x"), (2, "y"), (3, "")
        ]  # fmt: skip

    def test_levels_of_few_users_are_unknown(self, shop: str) -> None:
        data = load(shop, config={"cleaning": {"min_users_per_item": 2}})
        assert data.user_table is not None
        assert data.user_table.labels == ("income", "town=Ulm")

    def test_a_column_without_a_level_is_told(self, shop: str) -> None:
        data = load(shop, config={"cleaning": {"min_users_per_item": 3}})
        assert data.user_table is not None
        assert data.user_table.labels == ("income",)
        assert lines(data)["user features"][2].endswith("; without a level of 3 users or more: town")

    def test_chosen_columns_only(self, shop: str) -> None:
        data = load(shop, config={"features": {"user_columns": ("town",), "item_columns": ("price",)}})
        assert data.user_table is not None
        assert data.item_table is not None
        assert (data.user_table.labels, data.item_table.labels) == (("town=Bonn", "town=Ulm"), ("price",))

    def test_a_file_gives_the_same(self, shop: str, tmp_path: Path) -> None:
        with duckdb.connect(shop, read_only=True) as connection:
            connection.execute(f"COPY people TO '{tmp_path / 'people.csv'}'")
        first, second = load(shop), load(shop, user_features=str(tmp_path / "people.csv"))
        assert first.user_table is not None
        assert second.user_table is not None
        assert second.user_table.columns[:2] == first.user_table.columns[:2]
        assert np.array_equal(np.asarray(first.train.user_features), np.asarray(second.train.user_features)[:, :3])

    def test_none_given_none_there(self, shop: str) -> None:
        data = load(shop, user_features=None, item_features=None)
        assert (data.user_table, data.item_table, data.item_features) == (None, None, None)
        assert data.train.user_features is None


class TestRefused:
    @pytest.mark.parametrize(
        ("people", "config", "error", "message"),
        [
            ([("a", 1, "Ulm", None), ("a", 2, "Bonn", None)], {}, SourceError, "user 'a' stands 2 times in column"),
            (
                [("a", "nan", "Ulm", None)],
                {},
                SourceError,
                "column 'income' holds NaN, infinity or more than 1e+100 in 1",
            ),
            ([("a", -1e300, "Ulm", None)], {}, SourceError, "column 'income' holds NaN, infinity or more than 1e+100"),
            ([("a", "inf", "Ulm", None)], {}, SourceError, "make them null, which means unknown"),
            ([("z", 1, "Ulm", None)], {}, SourceError, "no user of the training rows is in its column 'household'"),
            (PEOPLE, {"features": {"max_levels": 1}}, ColumnError, "'town' has 2 levels of 1 user or more, more than"),
            (PEOPLE, {"features": {"user_columns": ("twon",)}}, ColumnError, "features.user_columns, perhaps 'town'"),
            (PEOPLE, {"features": {"user_columns": ("since",)}}, ColumnError, "column 'since' is DATE"),
        ],
    )
    def test_one_line_names_what_and_what_next(
        self, shop: str, people: list[tuple[Any, ...]], config: dict[str, Any], error: type[Exception], message: str
    ) -> None:
        make_table(Path(shop), COLUMNS, people, "people")
        with pytest.raises(error) as raised:
            load(shop, config=config)
        assert message in str(raised.value)
        assert "\n" not in str(raised.value)

    def test_a_key_of_another_name(self, shop: str) -> None:
        make_table(Path(shop), {"person": "VARCHAR", "income": "DOUBLE"}, [("a", 1)], "people")
        with pytest.raises(ColumnError, match="has no column 'household' or 'user_id'; name its key like the source's"):
            load(shop)

    def test_lists_are_not_taken(self, shop: str) -> None:
        columns = {"household": "VARCHAR", "n": "INTEGER", "d": "DECIMAL(2,1)[]", "e": "ENUM('a')[]"}
        make_table(Path(shop), columns, [("a", 1, "[1.5]", "[a]")], "people")
        table = load(shop).user_table
        assert table is not None
        assert table.labels == ("n",)

    def test_a_missing_table(self, shop: str) -> None:
        with pytest.raises(SourceError, match="has no table 'poeple'"):
            load(shop, user_features="poeple")


class TestScoring:
    def reader(self, shop: str, data: Dataset, table: SideTable, **scoring: Any) -> list[tuple[str, list[float]]]:
        """The user columns of every user, shard by shard."""
        config = loose(**CONFIG, scoring=scoring)
        found = []
        with open_source(shop, config.source) as source:
            reader = HistoryReader(source, config, data.catalog, user_table=table)
            for number in range(reader.shards):
                shard = reader.read(number)
                assert shard.user_features is not None
                histories = shard.histories(len(data.catalog), 500)
                assert histories.user_features is shard.user_features
                found += list(zip(shard.user_ids.to_pylist(), shard.user_features.tolist(), strict=True))
        return sorted(found)

    def test_levels_that_are_all_written_otherwise_are_told(self, shop: str) -> None:
        table = load(shop).user_table
        assert table is not None
        told = []
        for town in ("Ulm", "ULM", None):
            make_table(
                Path(shop), {"Household": "VARCHAR", "INCOME": "INT", "Town": "VARCHAR"}, [("a", 1, town)], "now"
            )
            config = loose(**CONFIG)
            with open_source(shop, config.source) as source:
                now = table.model_copy(update={"place": "now"})
                told.append(HistoryReader(source, config, load(shop).catalog, user_table=now).strange_levels)
        assert told[0] is told[2] is None
        assert told[1] is not None
        assert told[1].endswith("in column 'town' (such as 'ULM', in the fit 'Bonn'); all unknown")

    def test_users_are_joined_whatever_their_shard_and_length(self, shop: str) -> None:
        data = load(shop)
        table = data.user_table
        assert table is not None
        with duckdb.connect(shop) as connection:
            connection.execute("INSERT INTO interactions SELECT 'new', 1, TIMESTAMP '2026-01-05' FROM range(1500)")
        expected = [
            ("a", [-1, 0, 1]), ("b", [1, 0, 1]), ("c", [0, 1, 0]), ("d", [0, 0, 0]), ("new", [7, 0, 1]),
        ]  # fmt: skip
        assert self.reader(shop, data, table) == expected
        assert self.reader(shop, data, table, shard_rows=1000) == expected

    def test_a_changed_column_is_refused(self, shop: str) -> None:
        data = load(shop)
        table = data.user_table
        assert table is not None
        make_table(Path(shop), {"household": "VARCHAR", "income": "VARCHAR", "town": "VARCHAR"}, [], "people")
        with pytest.raises(ColumnError, match="column 'income' is VARCHAR, but the model was fitted on numbers there"):
            self.reader(shop, data, table.model_copy(update={"place": "people"}))

    def test_a_missing_column_is_refused(self, shop: str) -> None:
        data = load(shop)
        table = data.user_table
        assert table is not None
        make_table(Path(shop), {"household": "VARCHAR", "income": "DOUBLE"}, [], "poor")
        with pytest.raises(ColumnError, match="has no column 'town', which the model reads; its columns: household"):
            self.reader(shop, data, table.model_copy(update={"place": "poor"}))


def test_a_table_of_the_source_is_found_from_elsewhere(shop: str, tmp_path: Path) -> None:
    assert qualified("people", shop) == f"{shop}::people"
    assert qualified("other.duckdb::people", shop) == "other.duckdb::people"
    assert qualified(shop, shop) == shop
