"""What is told of an evaluation to whom."""

from __future__ import annotations

import pytest

from selfrec.evaluation.result import Evaluation, Group


def evaluation(users: list[int]) -> Evaluation:
    """Of groups of so many users, all of them first."""
    none: dict[str, float] = {}
    groups = tuple(
        Group(name=f"group {number}", users=count, model=none, popularity=none, difference={})
        for number, count in enumerate(users)
    )
    return Evaluation(
        users=users[0], users_skipped=0, hidden_items=9, hidden_outside_catalog=0, items=30, cutoffs=(20,),
        groups=groups, lists=none, popularity_lists=none,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("users", "told"), [([10, 5, 5], [10, 5, 5]), ([10, 1, 9], [10]), ([10, 4, 6, 6], [10]), ([3], [3])]
)
def test_groups_of_few_users_are_not_told_nor_what_they_follow_from(users: list[int], told: list[int]) -> None:
    assert [group.users for group in evaluation(users).of_many(5).groups] == told
