"""Words for numbers and lists, as messages, reports and tables have them."""

from __future__ import annotations

from collections.abc import Sequence


def plural(count: int, one: str, many: str | None = None) -> str:
    """`1 user`, `2,000 users`."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def all_of(count: int, one: str) -> str:
    """`the only user`, `all 2,000 users`."""
    return f"the only {one}" if count == 1 else f"all {plural(count, one)}"


def listed(names: Sequence[str], word: str = "and") -> str:
    """`a`, `a and b`, `a, b and c`; word stands before the last."""
    return f" {word} ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def shortened(text: str, longest: int) -> str:
    """The text, or as much of it as stands with `...` in that many characters."""
    return text if len(text) <= longest else f"{text[: longest - 3]}..."
