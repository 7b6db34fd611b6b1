"""Names and literals in SQL. Values are bound wherever SQL allows it; these are for the places where it does not."""

from __future__ import annotations


def identifier(name: str) -> str:
    """A name as a quoted identifier; any character may stand in it."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """Text as a quoted literal, for statements that take no parameters (views, settings, ATTACH)."""
    return "'" + text.replace("'", "''") + "'"


def literals(texts: list[str]) -> str:
    """Texts as a list literal."""
    return "[" + ", ".join(literal(text) for text in texts) + "]"
