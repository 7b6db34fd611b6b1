"""Ids as text: which texts are an id of a SQL type, and which id they are.

One rule for users and items, for what a person writes and for what stands in a list: whole numbers may have zeros
before them, or after them as a table with gaps writes them (`7.0`), UUIDs may be in capitals or without hyphens, and
both may have spaces around them. A number with a fraction, an exponent or another base is no id: nobody is taken for
somebody near. Text is what it is.
"""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

_WHOLE = r"(?:0+|-?0*[1-9][0-9]*)(?:\.0+)?"
_UUID = "[0-9a-fA-F]{8}-?(?:[0-9a-fA-F]{4}-?){3}[0-9a-fA-F]{12}"


def id_pattern(sql_type: str) -> str | None:
    """What matches the ids of this id type, without the spaces around them; None where every text is one.

    In the language of RE2, which both DuckDB and Arrow speak.
    """
    if sql_type == "VARCHAR":
        return None
    return _UUID if sql_type == "UUID" else _WHOLE


def usual_spelling(texts: pa.Array, sql_type: str) -> pa.Array:
    """string[n]: the ids of this type as DuckDB writes them, null where a text is none."""
    pattern = id_pattern(sql_type)
    if pattern is None:
        return texts
    found = pc.struct_field(pc.extract_regex(texts, rf"^\s*(?P<id>{pattern})\s*$"), [0])
    if sql_type == "UUID":
        digits = pc.replace_substring(pc.utf8_lower(found), "-", "")
        return pc.replace_substring_regex(digits, "^(.{8})(.{4})(.{4})(.{4})(.{12})$", r"\1-\2-\3-\4-\5")
    whole = pc.replace_substring_regex(found, r"\.0+$", "")
    return pc.replace_substring_regex(whole, "^(-?)0+([0-9])", r"\1\2")
