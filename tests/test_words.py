"""Words for numbers."""

from __future__ import annotations

from selfrec.words import all_of, listed, plural, shortened


def test_one_is_no_plural() -> None:
    assert [plural(count, "user") for count in (0, 1, 2000)] == ["0 users", "1 user", "2,000 users"]
    assert [plural(count, "item differs", "items differ") for count in (1, 2)] == ["1 item differs", "2 items differ"]
    assert [all_of(count, "row") for count in (1, 2, 2000)] == ["the only row", "all 2 rows", "all 2,000 rows"]


def test_lists_end_in_a_word() -> None:
    assert [listed(names) for names in ([], ["a"], ["a", "b"], ["a", "b", "c"])] == ["", "a", "a and b", "a, b and c"]
    assert [listed(names, "or") for names in (["a"], ["a", "b", "c"])] == ["a", "a, b or c"]


def test_long_texts_are_cut_off_visibly() -> None:
    assert [shortened(text, 6) for text in ("", "abcdef", "abcdefg")] == ["", "abcdef", "abc..."]
