"""Words for numbers."""

from __future__ import annotations

from selfrec.words import all_of, plural


def test_one_is_no_plural() -> None:
    assert [plural(count, "user") for count in (0, 1, 2000)] == ["0 users", "1 user", "2,000 users"]
    assert [plural(count, "item differs", "items differ") for count in (1, 2)] == ["1 item differs", "2 items differ"]
    assert [all_of(count, "row") for count in (1, 2, 2000)] == ["the only row", "all 2 rows", "all 2,000 rows"]
