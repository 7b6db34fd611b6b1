"""What a part is excused from, by its record or by a test, must be a check."""

from __future__ import annotations

import pytest

from selfrec.errors import PluginError
from selfrec.testing import benches, parametrize_with_checks
from tests.testing.toy import record


def test_expected_failures_must_name_a_check() -> None:
    with pytest.raises(ValueError, match="no check: learns_chess"):
        parametrize_with_checks(benches([record()]), expected_failures={"learns_chess": "it is hard"})


def test_excuses_must_name_a_check() -> None:
    with pytest.raises(PluginError) as raised:
        benches([record(excused={"learns_the_checkerbord": "it is hard"})])
    assert str(raised.value) == (
        "generator 'toy': excused names no check 'learns_the_checkerbord'; did you mean 'learns_the_checkerboard'?"
    )
