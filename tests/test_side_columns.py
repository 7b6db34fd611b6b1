"""User and item columns as numbers, by hand."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from selfrec.side_columns import MOST, SideColumn, SideTable, numeric_column


def test_numbers_are_standardised_and_unknown_is_zero() -> None:
    column = numeric_column("age", [20.0, 40.0])
    assert (column.mean, column.scale) == (30.0, 10.0)
    encoded = column.encode(pa.array([20.0, None, 45.0, 1e9], pa.float64()))
    assert encoded.dtype == np.float32
    assert encoded.tolist() == [[-1.0], [0.0], [1.5], [MOST]]


def test_a_constant_column_says_nothing() -> None:
    assert numeric_column("n", [7.0, 7.0]).encode(pa.array([7.0])).tolist() == [[0.0]]
    assert numeric_column("n", []).encode(pa.array([None], pa.float64())).tolist() == [[0.0]]


def test_levels_are_one_hot_and_foreign_ones_unknown() -> None:
    column = SideColumn(name="gender", kind="categorical", levels=("F", "M"))
    assert column.labels == ("gender=F", "gender=M")
    assert column.encode(pa.array(["M", "x", None, "F"])).tolist() == [[0, 1], [0, 0], [0, 0], [1, 0]]
    nothing = SideColumn(name="gender", kind="categorical")
    assert nothing.encode(pa.array(["M"])).shape == (1, 0)


def test_a_table_joins_its_columns_in_order() -> None:
    table = SideTable(
        place="users",
        key="user_id",
        columns=(SideColumn(name="g", kind="categorical", levels=("a",)), numeric_column("n", [0.0, 2.0])),
    )
    assert table.labels == ("g=a", "n")
    rows = pa.table({"n": pa.array([2.0, None]), "g": pa.array([None, "a"])})
    assert table.encode(rows).tolist() == [[0, 1], [1, 0]]
    assert SideTable.model_validate_json(table.model_dump_json()) == table
