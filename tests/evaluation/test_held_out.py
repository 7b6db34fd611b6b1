"""What `evaluate` holds out, and what it says of it, where the source is not quite that of the fit."""

from __future__ import annotations

import warnings
from pathlib import Path

import duckdb
import pytest

import selfrec
from selfrec.evaluation.result import Evaluation
from tests.cli.conftest import write_shop

OPTIONS = {"pipeline.extractors": [], "pipeline.generators": ["popularity"], "pipeline.ranker": None}
"""Fitted in no time."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """timed.parquet, the same events as bare.parquet without their times, and a model of the latter."""
    folder = tmp_path_factory.mktemp("held out")
    with duckdb.connect(str(write_shop(folder / "shop.duckdb"))) as connection:
        connection.execute(f"COPY interactions TO '{folder}/timed.parquet'")
        connection.execute(f"COPY (SELECT user_id, item_id FROM interactions) TO '{folder}/bare.parquet'")
    selfrec.fit(folder / "bare.parquet", folder / "model", options=OPTIONS)
    return folder


def measured(model: Path, source: Path) -> tuple[Evaluation, list[str]]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        found = selfrec.load(model).evaluate(source)
    return found, [str(warning.message) for warning in caught]


def test_a_source_that_has_times_by_now_is_split_as_the_fit_was(folder: Path) -> None:
    """Else each user's newest items would be held out, most of which the model was trained on."""
    found, notes = measured(folder / "model", folder / "timed.parquet")
    assert found == measured(folder / "model", folder / "bare.parquet")[0]
    assert [note[:29] for note in notes] == ["the source has other rows tha"]


def test_times_that_were_all_unknown_are_none(folder: Path, tmp_path: Path) -> None:
    blank = tmp_path / "blank.parquet"
    with duckdb.connect() as connection:
        connection.execute(f"COPY (SELECT *, NULL::TIMESTAMP AS timestamp FROM '{folder}/bare.parquet') TO '{blank}'")
    model = selfrec.fit(blank, tmp_path / "model", options=OPTIONS).folder.path
    assert measured(model, folder / "timed.parquet")[0] == measured(model, blank)[0]


def test_weights_that_came_since_are_told(folder: Path) -> None:
    weighed = folder / "weighed.parquet"
    with duckdb.connect() as connection:
        connection.execute(f"COPY (SELECT *, 2.0 AS Weight FROM '{folder}/bare.parquet') TO '{weighed}'")
    model, told = folder / "model", "the model was fitted without weights, and the source has some (column 'Weight')"
    assert measured(model, weighed)[1][0].startswith(told)
    assert selfrec.load(model).score(weighed, to=folder / "lists.parquet").notes[0].startswith(told)


def test_who_is_held_out_and_not_measured_is_told(tmp_path: Path) -> None:
    """Ten users choose ten items a day; on the last day two of them, and two new users, choose two each."""
    source = tmp_path / "events.parquet"
    with duckdb.connect() as connection:
        connection.execute(
            f"""
            COPY (
                SELECT u AS user_id, (u + d) % 10 AS item_id, DATE '2026-01-01' + d::INTEGER AS timestamp
                FROM range(10) AS users(u), range(8) AS days(d)
                UNION ALL
                SELECT u, i, DATE '2026-02-01' FROM (VALUES (0, 8), (0, 1), (1, 9), (1, 2), (10, 0), (10, 1), (11, 0),
                (11, 1)) AS last(u, i)
            ) TO '{source}'"""
        )
    options = {**OPTIONS, "split.kind": "temporal", "split.test": 0.09}
    selfrec.fit(source, tmp_path / "model", options=options)
    found, notes = measured(tmp_path / "model", source)
    assert (found.users, found.hidden_items) == (2, 2)
    assert notes == [
        "of 8 held-out rows 2 count: 2 users without a shown item of the catalog left out, 2 rows shown as well left "
        "out"
    ]
