"""Id types: which SQL types may name users and items, how Arrow carries them, how they are restored.

Every id keeps its exact value to the end. Arrow carries integers up to 64 bits as they are and text as
text; wider integers, whole decimals and UUIDs travel as text beside their SQL type name, and one CAST gives
them back. So (carried array, SQL type name) is the exact id, wherever it is stored.
"""

from __future__ import annotations

import re

import pyarrow as pa

from selfrec.id_text import id_pattern
from selfrec.source.quoting import identifier, literal

_ARROW = {
    "TINYINT": pa.int8(),
    "SMALLINT": pa.int16(),
    "INTEGER": pa.int32(),
    "BIGINT": pa.int64(),
    "UTINYINT": pa.uint8(),
    "USMALLINT": pa.uint16(),
    "UINTEGER": pa.uint32(),
    "UBIGINT": pa.uint64(),
    "VARCHAR": pa.string(),
}
_AS_TEXT = ("HUGEINT", "UHUGEINT", "UUID")
_WHOLE_DECIMAL = re.compile(r"DECIMAL\(\d+,\s*0\)")


def id_type(sql_type: str) -> str | None:
    """The SQL type an id of this column type is kept in, or None where the type cannot name anything.

    Integers, text, UUID and decimals without fraction are kept as they are; an ENUM becomes text.
    """
    if sql_type in _ARROW or sql_type in _AS_TEXT or _WHOLE_DECIMAL.fullmatch(sql_type):
        return sql_type
    return "VARCHAR" if is_one(sql_type, "ENUM(") else None


def is_one(sql_type: str, start: str) -> bool:
    """Whether a type's name begins like this, and it is no list or array of that type."""
    return sql_type.startswith(start) and not sql_type.endswith("]")


def carried_type(sql_type: str) -> pa.DataType:
    """The Arrow type that carries ids of this SQL type."""
    return _ARROW.get(sql_type, pa.string())


def carried_sql(column: str, sql_type: str) -> str:
    """SQL that turns a column (already quoted) of this id type into its carried form."""
    return column if sql_type in _ARROW else f"CAST({column} AS VARCHAR)"


def exact_sql(text: str, sql_type: str) -> str:
    """SQL that turns text (an expression) into the id of this type that it spells; null where it is none.

    A plain cast would round 7.6 to 8 and take 1e3 for 1000: somebody else's id.
    """
    pattern = id_pattern(sql_type)
    if pattern is None:
        return text
    spaced = literal(rf"\s*(?:{pattern})\s*")
    # A cast to a number takes spaces, one to UUID does not.
    inner = f"regexp_extract({text}, {literal(pattern)})" if sql_type == "UUID" else text
    return f"CASE WHEN regexp_full_match({text}, {spaced}) THEN TRY_CAST({inner} AS {sql_type}) END"


def restored_sql(column: str, sql_type: str) -> str:
    """SQL that turns a carried column (already quoted) back into its SQL type."""
    if sql_type not in _ARROW and sql_type not in _AS_TEXT and not _WHOLE_DECIMAL.fullmatch(sql_type):
        raise ValueError(f"{sql_type!r} is no id type")
    return f"CAST({column} AS {sql_type})"


def restored_column(name: str, sql_type: str) -> str:
    """SQL of a carried column of this name, restored under the same name."""
    return f"{restored_sql(identifier(name), sql_type)} AS {identifier(name)}"
