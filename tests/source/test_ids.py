"""Ids of every type come back exactly."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import duckdb
import pyarrow as pa
import pytest

from selfrec.id_text import usual_spelling
from selfrec.source.ids import carried_sql, carried_type, exact_sql, id_type, restored_sql

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
    "sql_type",
    [
        "DOUBLE",
        "FLOAT",
        "BOOLEAN",
        "INTEGER[]",
        "STRUCT(a INTEGER)",
        "DECIMAL(18,3)",
        "DATE",
        "BLOB",
        "ENUM('a')[]",
        "ENUM('a')[2]",
    ],
)
def test_types_that_name_nothing(sql_type: str) -> None:
    assert id_type(sql_type) is None
    with pytest.raises(ValueError, match="no id type"):
        restored_sql("x", sql_type)


def test_enums_become_text() -> None:
    assert id_type("ENUM('a', 'b')") == "VARCHAR"
    assert id_type("ENUM('[a]')") == "VARCHAR"
    assert carried_type("VARCHAR") == pa.string()


@pytest.mark.parametrize(
    ("sql_type", "texts", "wanted"),
    [
        (
            "BIGINT",
            [
                "1002",
                "00001002",
                " 1002\t",
                "-7",
                "000",
                f"{2**63}",
                "1001.6",
                "1002.0",
                "1e3",
                "0x3ed",
                "1_002",
                "+5",
                "",
            ],
            ["1002", "1002", "1002", "-7", "0", None, None, "1002", *[None] * 5],
        ),
        ("UTINYINT", ["255", "256", "-1", "7.4"], ["255", None, None, None]),
        ("DECIMAL(4,0)", ["0012", "12.4", "12345", "1e2"], ["12", None, None, None]),
        ("HUGEINT", [f" 0{2**100} ", f"{2**100}.00", "1e30"], [str(2**100), str(2**100), None]),
        (
            "UUID",
            [
                "A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11",
                "\ta0eebc999c0b4ef8bb6d6bb9bd380a11 ",
                "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a1",
                "a-0eebc999c0b4ef8bb6d6bb9bd380a11",
                "7",
            ],
            ["a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"] * 2 + [None] * 3,
        ),
        ("VARCHAR", ["007", " a ", "1e3", ""], ["007", " a ", "1e3", ""]),
    ],
)
def test_text_is_an_id_only_where_it_is_exactly_one(sql_type: str, texts: list[str], wanted: list[str | None]) -> None:
    """DuckDB and Arrow agree, but for numbers beyond the type, which no catalog of that type has."""
    with duckdb.connect() as connection:
        connection.register("given", pa.table({"place": range(len(texts)), "x": texts}))
        found = connection.execute(
            f"SELECT CAST(exact AS VARCHAR), typeof(exact) FROM (SELECT {exact_sql('x', sql_type)} AS exact, place "
            "FROM given) ORDER BY place"
        ).fetchall()
    assert found == [(text, sql_type) for text in wanted]
    beyond = {str(2**63), "256", "-1", "12345"}
    usual = usual_spelling(pa.array(texts), sql_type).to_pylist()
    assert usual == [text if text in beyond else other for text, other in zip(texts, wanted, strict=True)]
