"""What the report is told of the parts."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
from torch import Tensor, nn

from selfrec.api import fit
from selfrec.fit_job.reporting import _generated, _parts, _scores
from selfrec.histories import Histories
from selfrec.pipeline.chosen import Chosen
from selfrec.pipeline.features import Features
from selfrec.pipeline.part_building import build_part
from selfrec.pipeline.recency import Recency
from selfrec.plugin import EpochOptions, FeatureExtractor, Generator, Sizes, UserBatch
from selfrec.report.data import ReportData
from selfrec.testing import checkerboard


class Again(nn.Module):
    """What a user had before; there is nothing to learn."""

    def sparse_scores(self, batch: UserBatch, features: Tensor) -> tuple[Tensor, Tensor]:
        return batch.history, batch.weights


class Backwards(Again):
    """What a user did not have."""

    def sparse_scores(self, batch: UserBatch, features: Tensor) -> tuple[Tensor, Tensor]:
        return batch.history, -batch.weights


def test_parts_have_their_weights_and_the_recency_stands_last() -> None:
    record = Generator(name="again", summary="x", options=EpochOptions, build=lambda options, sizes: Again())
    first, second = (build_part(record, label, EpochOptions(), Sizes(items=3), 0) for label in ("again", "other"))
    chosen = Chosen(generators=(first, second), weights=(1.0, 0.12345))
    assert _parts(chosen) == ("generator again", "generator other x 0.123")
    assert _parts(replace(chosen, recency=Recency("position", 0.5)))[2:] == ("recency (position ^ -0.5)",)


def test_an_extractor_without_a_generator_is_not_in_the_graph() -> None:
    record = FeatureExtractor(name="own", summary="x", options=EpochOptions, build=lambda options, sizes: Again())
    extractor = build_part(record, "own", EpochOptions(), Sizes(items=3), 0)
    assert _parts(Chosen(extractors=(extractor,))) == ("popularity alone",)


def test_the_half_lives_of_popularity_are_those_of_its_lists(tmp_path: Path) -> None:
    """Item i has been chosen by 2 * (i + 1) users, i days ago at the latest."""
    source = tmp_path / "events.parquet"
    with duckdb.connect() as connection:
        connection.execute(
            "COPY (SELECT u AS user_id, i AS item_id, DATE '2026-03-01' - (i + u % 2)::INTEGER AS timestamp "
            f"FROM range(40) AS users(u), range(20) AS items(i) WHERE u < 2 * (i + 1)) TO '{source}'"
        )
    options: dict[str, Any] = {
        "pipeline.extractors": [],
        "pipeline.generators": ["popularity"],
        "split.kind": "random",
    }
    # All rows are to be seen in the model's lists.
    options |= {
        "split.test": 0,
        "training.refit": "all",
        "cleaning.min_users_per_item": 1,
        "cleaning.min_items_per_user": 1,
    }
    for given in (None, 3.0):
        model = fit(source, tmp_path / "model", options={**options, "pipeline.popularity_half_life_days": given})
        told = ReportData.read(model.path).popularity_half_lives
        assert given is None or told == (given,)
        ages = [[i + u % 2 for u in range(2 * (i + 1))] for i in range(20)]
        sums = [[sum(2 ** (-age / days) for age in of_item) for of_item in ages] for days in told]
        shares = [sum(of_all[i] / sum(of_all) for of_all in sums) for i in range(20)]
        wanted = sorted(range(20), key=lambda i: -shares[i])
        assert [line.item_id for line in model.recommend([], 20)] == wanted


def test_generators_of_the_same_lists_are_shown_once() -> None:
    """Preset `default` has popularity twice: as it is, and with less weight for long histories."""
    rows = Histories.from_rows([[0, 1]] * 5, 3)
    record = Generator(name="again", summary="x", options=EpochOptions, build=lambda options, sizes: Again())
    twice = [build_part(record, label, EpochOptions(), Sizes(items=rows.n_items), 0) for label in ("again", "short")]
    record = Generator(name="other", summary="x", options=EpochOptions, build=lambda options, sizes: Backwards())
    parts = [twice[0], build_part(record, "other", EpochOptions(), Sizes(items=rows.n_items), 0), twice[1]]
    shown = _generated([(part, Features([])) for part in parts], rows)
    assert [one.labels for one in shown] == [("again", "short"), ("other",)]


def test_a_part_without_a_state_is_shown_too() -> None:
    rows = checkerboard()
    record = Generator(name="again", summary="x", options=EpochOptions, build=lambda options, sizes: Again())
    part = build_part(record, "again", EpochOptions(), Sizes(items=rows.n_items), 0)
    assert not part.module.state_dict()
    scores = _scores(part, Features([]), rows)
    assert scores.shape == (len(rows), rows.n_items)
    assert (scores > 0).sum() == len(rows.items)
