"""Names of columns as people write them: letter case aside, as in DuckDB."""

from __future__ import annotations

from collections.abc import Iterable


def find_column(there: Iterable[str], name: str) -> str | None:
    """The column of this name; letter case aside where no name is the same and only one is alike."""
    listed = list(there)
    if name in listed:
        return name
    alike = [column for column in listed if column.lower() == name.lower()]
    return alike[0] if len(alike) == 1 else None


def find_columns(there: Iterable[str], names: Iterable[str]) -> list[str]:
    """Those of the names that are there, as they are spelt there, each once."""
    listed = list(there)
    found = (find_column(listed, name) for name in names)
    return list(dict.fromkeys(name for name in found if name is not None))
