"""What a recommendation rests on, on a model where item i + 1 follows item i and nothing else counts."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.synthetic import write_model_folder
from selfrec.export.graph import to_graph
from selfrec.histories import Histories
from selfrec.model_folder.reading import Model, open_model
from selfrec.scoring.because import because
from selfrec.scoring.kernel import Scorer
from selfrec.settings.tables import ScoringSettings
from tests.scoring.shops import next_item_model
from tests.shapes import recommender


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    return next_item_model(tmp_path_factory.mktemp("because") / "model")


def longest(model: Model) -> Scorer:
    return Scorer(model, ScoringSettings(k=model.top_k, threads=1))


def test_the_item_before_is_the_cause(model: Model) -> None:
    scorer = longest(model)
    histories = Histories.from_rows([[0, 2], [4]], 6)
    lists = scorer.score(histories)
    found = because(scorer, histories, lists)
    # History {0, 2}: item 1 rests on 0 and item 3 on 2, each with 1 / sqrt(2); without the one it scores 0.
    assert lists.items[0].tolist() == [1, 3, 4, 5]
    assert [[cause.item for cause in place] for place in found[0]] == [[0], [2], [], []]
    assert [place[0].drop for place in found[0][:2]] == pytest.approx([1 / math.sqrt(2)] * 2)
    # History {4}: item 5 rests on it.
    assert [[cause.item for cause in place] for place in found[1]] == [[4], [], [], []]
    assert found[1][0][0].drop == pytest.approx(1.0)


def test_a_cold_user_has_no_causes(model: Model) -> None:
    scorer = longest(model)
    histories = Histories.from_rows([[]], 6)
    assert because(scorer, histories, scorer.score(histories)) == [[[], [], [], []]]
    nobody = Histories.from_rows([], 6)
    assert because(scorer, nobody, scorer.score(nobody)) == []


def test_a_history_of_one_item_carries_the_whole_score(tmp_path: Path) -> None:
    """What popularity gives those without a history is on another scale, and no measure of what the item does."""
    write_model_folder(tmp_path / "model", to_graph(recommender("one factored", 60, 10).eval()), n_items=60, top_k=10)
    scorer = longest(open_model(tmp_path / "model"))
    histories = Histories.from_rows([[7]], 60)
    lists = scorer.score(histories)
    assert scorer.score(Histories.from_rows([[]], 60)).scores[0, 0] > lists.scores[0, 0] > 0
    for place, score in zip(because(scorer, histories, lists)[0], lists.scores[0].tolist(), strict=True):
        assert place == ([(7, score)] if score > 0 else [])


def test_empty_places_have_no_causes(model: Model) -> None:
    scorer = longest(model)
    histories = Histories.from_rows([[0, 1, 2, 3, 4]], 6)
    lists = scorer.score(histories)
    assert lists.items[0].tolist() == [5, 6, 6, 6]
    assert [len(place) for place in because(scorer, histories, lists)[0]] == [1, 0, 0, 0]


@settings(max_examples=25, deadline=None)
@given(st.lists(st.lists(st.integers(0, 5), unique=True, max_size=5), min_size=1, max_size=4), st.integers(1, 3))
def test_drops_are_those_of_scoring_one_by_one(model: Model, rows: list[list[int]], most: int) -> None:
    scorer = longest(model)
    histories = Histories.from_rows(rows, 6)
    lists = scorer.score(histories)
    found = because(scorer, histories, lists, most=most)
    for user, row in enumerate(rows):
        for place, (item, score) in enumerate(zip(lists.items[user], lists.scores[user], strict=True)):
            drops = {}
            for removed in row:
                rest = Histories.from_rows([[other for other in row if other != removed]], 6)
                one = scorer.score(rest, Histories.from_rows([row], 6))
                at = np.flatnonzero(one.items[0] == item)
                left = one.scores[0][one.items[0] < 6]
                after = one.scores[0][at[0]] if len(at) else left.min(initial=np.inf)
                drops[removed] = float(score - after) if item < 6 else 0.0
            wanted = sorted((drop for drop in drops.values() if drop > 0), reverse=True)[:most]
            assert [cause.drop for cause in found[user][place]] == pytest.approx(wanted)
            assert all(drops[cause.item] == pytest.approx(cause.drop) for cause in found[user][place])
