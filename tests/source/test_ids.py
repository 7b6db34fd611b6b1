"""Ids of every type come back exactly."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import duckdb
import pyarrow as pa
import pytest

from selfrec.source.ids import carried_sql, carried_type, id_type, restored_sql

VALUES: dict[str, Any] = {
    "TINYINT": -128,
    "SMALLINT": -32768,
    "INTEGER": -(2**31),
    "BIGINT": -(2**63),
    "HUGEINT": -(2**127) + 1,
    "UTINYINT": 255,
    "USMALLINT": 65535,
    "UINTEGER": 2**32 - 1,
    "UBIGINT": 2**64 - 1,
    "UHUGEINT": 2**128 - 1,
    "DECIMAL(38,0)": 10**37,
    "VARCHAR": "a'b\"c;\n🙂 ",
    "UUID": UUID("12345678-1234-5678-1234-567812345678"),
}


@pytest.mark.parametrize("sql_type", VALUES)
def test_round_trip(sql_type: str) -> None:
    assert id_type(sql_type) == sql_type
    with duckdb.connect() as connection:
        connection.execute(
            f"CREATE TABLE t AS SELECT CAST($value AS {sql_type}) AS x", {"value": str(VALUES[sql_type])}
        )
        carried = connection.sql(f"SELECT {carried_sql('x', sql_type)} AS x FROM t").to_arrow_table()
        assert carried.schema.field("x").type == carried_type(sql_type)
        connection.register("carried", carried)
        [(same, found)] = connection.execute(
            f"SELECT t.x = {restored_sql('carried.x', sql_type)}, typeof({restored_sql('carried.x', sql_type)}) "
            "FROM t, carried"
        ).fetchall()
    assert same
    assert found == sql_type


@pytest.mark.parametrize(
    "sql_type", ["DOUBLE", "FLOAT", "BOOLEAN", "INTEGER[]", "STRUCT(a INTEGER)", "DECIMAL(18,3)", "DATE", "BLOB"]
)
def test_types_that_name_nothing(sql_type: str) -> None:
    assert id_type(sql_type) is None
    with pytest.raises(ValueError, match="no id type"):
        restored_sql("x", sql_type)


def test_enums_become_text() -> None:
    assert id_type("ENUM('a', 'b')") == "VARCHAR"
    assert carried_type("VARCHAR") == pa.string()
