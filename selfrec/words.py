"""Words for numbers, as messages, reports and tables have them."""

from __future__ import annotations


def plural(count: int, one: str, many: str | None = None) -> str:
    """`1 user`, `2,000 users`."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def all_of(count: int, one: str) -> str:
    """`the only user`, `all 2,000 users`."""
    return f"the only {one}" if count == 1 else f"all {plural(count, one)}"
