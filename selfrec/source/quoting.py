"""Names and literals in SQL. Values are bound wherever SQL allows it; these are for the places where it does not."""

from __future__ import annotations

from selfrec.errors import SourceError
from selfrec.files import is_utf8


def identifier(name: str) -> str:
    """A name as a quoted identifier; any character may stand in it."""
    return '"' + _checked(name).replace('"', '""') + '"'


def literal(text: str) -> str:
    """Text as a quoted literal, for statements that take no parameters (views, settings, ATTACH)."""
    return "'" + _checked(text).replace("'", "''") + "'"


def _checked(text: str) -> str:
    if "\0" in text or not is_utf8(text):
        raise SourceError(f"the name {text!r} is no text in UTF-8; rename it, or use a link with a plain name")
    return text


def literals(texts: list[str]) -> str:
    """Texts as a list literal."""
    return "[" + ", ".join(literal(text) for text in texts) + "]"
