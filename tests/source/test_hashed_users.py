"""Users by the hashes of their ids."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from selfrec.source.hashed_users import HashedUsers

HASHES = st.lists(st.integers(0, 2**64 - 1) | st.integers(0, 20) | st.integers(2**64 - 20, 2**64 - 1), unique=True)


def test_by_hand() -> None:
    """The first bits of 5, 6 and 7 are the same; the last user is at the end of the range."""
    users = HashedUsers(np.array([7, 2**64 - 1, 5, 6], dtype=np.uint64))
    asked = np.array([5, 6, 7, 2**64 - 1, 0, 8, 2**63, 2**64 - 2], dtype=np.uint64)
    assert users.numbers(asked).tolist() == [2, 3, 0, 1, -1, -1, -1, -1]


@given(HASHES, HASHES)
def test_everybody_is_found_and_nobody_else(known: list[int], others: list[int]) -> None:
    users = HashedUsers(np.array(known, dtype=np.uint64))
    expected = [known.index(one) if one in known else -1 for one in [*others, *known]]
    assert users.numbers(np.array([*others, *known], dtype=np.uint64)).tolist() == expected
