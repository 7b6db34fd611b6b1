"""When the chosen pipeline is trained once more."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from selfrec.fit_job.job import fit
from selfrec.fit_job.rows import worth_a_refit
from selfrec.pipeline.listener import Silent
from selfrec.settings.tables import Config
from selfrec.source.dataset import load_dataset
from tests.shop import make_shop
from tests.source.tables import loose, make_table

COLUMNS = {"user_id": "INTEGER", "item_id": "INTEGER"}


class Phases(Silent):
    """What was trained, and when."""

    def __init__(self) -> None:
        self.trained: list[tuple[str, str]] = []

    def training(self, phase: str, kind: str, label: str, epochs: int) -> None:
        self.trained.append((phase, label))


@pytest.mark.parametrize(
    ("asked", "refit", "wanted"),
    # Of 40 users with 9 items to learn from, one is hidden: 9 of 360 are a fortieth.
    [
        (9, "auto", True),
        (8, "auto", False),
        (8, "validation", True),
        (8, "all", True),
        (40, "auto", True),
        (40, "none", False),
    ],
)
def test_auto_refits_from_a_fortieth_of_the_rows(tmp_path: Path, asked: int, refit: Any, wanted: bool) -> None:
    rows = [(user, item) for user in range(40) for item in range(9)]
    config = loose(split={"kind": "random", "test": 0.0}, training={"validation_users": asked, "refit": refit})
    dataset = load_dataset(make_table(tmp_path / "shop.duckdb", COLUMNS, rows), config)
    assert worth_a_refit(dataset, config) is wanted


def test_a_fit_that_hid_few_rows_trains_once(tmp_path: Path) -> None:
    shop = make_shop(tmp_path / "shop.duckdb")
    config = Config(
        split={"kind": "random"},
        training={"validation_users": 10},
        pipeline={"extractors": (), "generators": ("popularity", "itemknn")},
        source={"table": "events"},
    )
    phases = Phases()
    fitted = fit(str(shop), str(tmp_path / "model"), config, listener=phases)
    assert phases.trained == [("selection", "popularity"), ("selection", "itemknn")]
    assert (fitted.manifest.test_metrics["recall@20"] or 0) > 0.9
