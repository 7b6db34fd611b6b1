"""What the protocols' options come to."""

from __future__ import annotations

import pytest

from benchmarks.offline.protocols import ALL
from selfrec.settings.tables import CleaningSettings

BY_NAME = {protocol.name: protocol for protocol in ALL}


def test_names_are_used_once() -> None:
    assert len(BY_NAME) == len(ALL)


@pytest.mark.parametrize("name", ["lastfm", "citeulike-a", "retailrocket"])
def test_a_fifth_is_drawn_and_no_row_dropped(name: str) -> None:
    config = BY_NAME[f"{name}-random"].config(3)
    assert (config.split.kind, config.split.test, config.split.validation) == ("random", 0.2, 0.1)
    cleaning = config.cleaning
    assert (cleaning.min_users_per_item, cleaning.min_items_per_user) == (1, 1)
    assert (cleaning.max_events_robust, cleaning.max_history) == (None, 100_000)


@pytest.mark.parametrize("name", ["ml-100k", "lastfm", "citeulike-a"])
def test_a_fifth_of_the_users_is_not_trained_on(name: str) -> None:
    split = BY_NAME[f"{name}-strong"].config(0).split
    assert (split.kind, split.fold_in, split.test) == ("users", 0.8, 0.2)


def test_own_splits_are_cleaned_as_a_fit_cleans() -> None:
    assert BY_NAME["ml-100k-strong"].config(0).cleaning == CleaningSettings()
