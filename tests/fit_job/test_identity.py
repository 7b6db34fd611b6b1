"""Why a fit does not go on with the one that was stopped."""

from __future__ import annotations

from typing import Any

import pytest

from selfrec.fit_job.identity import starting_anew

PAIR = {"from": "pair 1.0", "source": "ab"}
NOW: dict[str, Any] = {
    "selfrec": "0.1",
    "torch": "2.0",
    "config": {"pipeline": {"top_k": 9}},
    "data": "1",
    "items": "2",
    "user_table": None,
    "item_table": None,
    "warm_start": None,
    "plugins": {"pair": PAIR},
}


@pytest.mark.parametrize(
    ("stopped", "why"),
    [
        (
            {"plugins": {"pair": PAIR, "other": {"from": "other 2.0", "source": "cd"}}},
            "plugin 'other' (other 2.0) is used no more",
        ),
        ({"plugins": {}}, "plugin 'pair' (pair 1.0) was not used"),
        ({"plugins": {"pair": {**PAIR, "from": "pair 0.9"}}}, "plugin 'pair' is of pair 1.0, was of pair 0.9"),
        ({"plugins": {"pair": {**PAIR, "source": "cd"}}}, "the source of plugin 'pair' (pair 1.0) has changed"),
        # As earlier commits wrote it: the version of each distribution.
        ({"plugins": {"pair": "1.0"}}, "another selfrec wrote down its plugins"),
        ({"plugins": {"dist": "1.0"}}, "another selfrec wrote down its plugins"),
        ({"plugins": "pair"}, "another selfrec wrote down its plugins"),
        ({"plugins": None}, "another selfrec wrote down its plugins"),
        ({"data": "3", "plugins": {}}, "the events have changed, plugin 'pair' (pair 1.0) was not used"),
        ({"more": 1}, "another selfrec wrote down what it was of"),
    ],
)
def test_what_tells_two_fits_apart(stopped: dict[str, Any], why: str) -> None:
    told = f"cannot go on with the fit that was stopped: {why}; starting anew"
    assert starting_anew({**NOW, **stopped}, NOW) == told


def test_a_fit_that_nobody_stopped() -> None:
    assert starting_anew(None, NOW) == "nothing to resume: no fit of this model was stopped; starting anew"
