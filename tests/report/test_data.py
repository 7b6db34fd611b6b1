"""Report data: read back as written, honest about damage, free of single users."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from selfrec.errors import ModelError
from selfrec.histories import Histories
from selfrec.report import summaries
from selfrec.report.card import model_card
from selfrec.report.data import Curve, ReportData, StageRow, curve_of, graph_of
from selfrec.report.page import render
from tests.report.sample import sample_data


def test_what_is_written_reads_back(tmp_path: Path) -> None:
    data = sample_data()
    data.write(tmp_path)
    assert ReportData.read(tmp_path) == data


def test_a_missing_or_damaged_file_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"report.json: cannot be read .*; fit the model again"):
        ReportData.read(tmp_path)
    (tmp_path / "report.json").write_text('{"title": "shop", "version": "1", "config": {}, "fingerprint": {}, "x": 1}')
    with pytest.raises(ModelError, match=r"report.json: x: Extra inputs"):
        ReportData.read(tmp_path)
    (tmp_path / "report.json").write_text("{")
    with pytest.raises(ModelError, match=r"report.json: the file: Invalid JSON"):
        ReportData.read(tmp_path)


def test_an_earlier_report_joined_the_names_of_generators(tmp_path: Path) -> None:
    data = sample_data()
    data.write(tmp_path)
    path = tmp_path / "report.json"
    written = json.loads(path.read_text())
    (generated,) = written["generated"]
    assert generated.pop("labels") == ["gan"]
    for label, names, words in (("gan", ("gan",), "gan"), ("again and short", ("again", "short"), "again and short")):
        path.write_text(json.dumps({**written, "generated": [{**generated, "label": label}]}))
        (read,) = ReportData.read(tmp_path).generated
        assert (read.labels, read.name) == (names, words)


def test_figures_that_are_no_numbers_are_gaps() -> None:
    curve = curve_of("generator", "gan", [{"loss": 1.0}, {"loss": math.nan}, {}])
    assert curve.epochs == ({"loss": 1.0}, {"loss": None}, {})
    assert Curve.model_validate_json(curve.model_dump_json()) == curve
    assert curve.values("loss")[0] == 1.0
    assert all(map(math.isnan, curve.values("loss")[1:]))
    assert curve.has("loss")
    assert not curve.has("loss", "accuracy_real")
    assert StageRow(name="gan", metrics={"ndcg@20": math.inf}).metrics == {"ndcg@20": None}


def test_graph_names_the_inputs_its_parts_ask_for() -> None:
    assert [tensor.name for tensor in graph_of(50).inputs] == ["history", "weights", "exclude", "item_bias"]
    graph = graph_of(50, ("user_features", "ages"), ("age", "income"))
    assert [tensor.name for tensor in graph.inputs[4:]] == ["ages", "user_features"]
    assert graph.inputs[5].meaning == "user columns (age, income); 0 is unknown"
    assert graph.outputs[0].shape == "[batch, 50]"


@pytest.mark.parametrize(
    ("half_lives", "told"),
    [
        ((), ""),
        ((1.0,), "Popularity has a half-life of 1 day."),
        ((1234.56,), "Popularity has a half-life of 1,235 days."),
        ((12.345, 2.469), "Popularity is a mean of half-lives of 12.3 and 2.47 days."),
    ],
)
def test_what_popularity_is_stands_on_the_page_and_the_card(half_lives: tuple[float, ...], told: str) -> None:
    data = sample_data().model_copy(update={"popularity_half_lives": half_lives})
    assert data.popularity_in_words == told
    for text in (render(data), model_card(data)):
        assert told in text
        assert ("half-li" in text) == bool(told)


def test_history_lengths_by_hand() -> None:
    rows = [list(range(length)) for length in [1] * 6 + [2, 3, 3, 3, 3] + [5] * 4 + [9] * 5]
    data = summaries.history_lengths(Histories.from_rows(rows, 10))
    assert data is not None
    # 4-7 holds four users only and joins 2-3.
    assert data.histogram.edges == (1, 2, 8, 16)
    assert data.histogram.counts == (6, 9, 5)
    assert (data.users, data.median) == (20, 3.0)


@pytest.mark.parametrize(("shortest", "edges", "counts"), [(5, (4, 8, 16), (5, 6)), (4, (1, 16), (10,))])
def test_lengths_that_nobody_has_are_in_no_bar(shortest: int, edges: tuple[int, ...], counts: tuple[int, ...]) -> None:
    """Unless the first bar would then tell of fewer than five users."""
    rows = [list(range(length)) for length in [7] * shortest + [9] * 6]
    data = summaries.history_lengths(Histories.from_rows(rows, 10))
    assert data is not None
    assert (data.histogram.edges, data.histogram.counts) == (edges, counts)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(0, 300), max_size=40))
def test_no_bar_stands_for_fewer_than_five_users(lengths: list[int]) -> None:
    rows = [list(range(length)) for length in lengths]
    data = summaries.history_lengths(Histories.from_rows(rows, 300))
    if len(lengths) < summaries.FEWEST_USERS:
        assert data is None
        return
    assert data is not None
    edges, counts = data.histogram.edges, data.histogram.counts
    assert all(count >= summaries.FEWEST_USERS for count in counts)
    assert sum(counts) == len(lengths)
    assert edges[0] <= min(lengths) <= max(lengths) < edges[-1]
    assert list(edges) == sorted(set(edges))
    for low, high, count in zip(edges, edges[1:], counts, strict=False):
        assert sum(low <= length < high for length in lengths) == count


def test_popularity_curve_by_hand() -> None:
    curve = summaries.popularity_curve([1, 50, 3, 4, 5, 6, 7, 8, 9, 7])
    assert curve.ranks == tuple(range(1, 11))
    assert curve.users == (50, 9, 8, 7, 7, 6, 5, 4, 3, 1)
    assert curve.head_share == 0.5
    long = summaries.popularity_curve(np.arange(100_000))
    assert (long.ranks[0], long.ranks[-1]) == (1, 100_000)
    assert len(long.ranks) <= 200
    assert summaries.popularity_curve([]).head_share == 0.0


def test_reconstruction_by_hand() -> None:
    # Each of five users has items 0 and 1 of four; item 0 beats both others, item 1 ties with one of them.
    histories = Histories.from_rows([[0, 1]] * 5, 4)
    scores = np.tile(np.array([0.9, 0.5, 0.5, 0.1], dtype=np.float32), (5, 1))
    data = summaries.reconstruction(scores, histories)
    assert data is not None
    assert data.separation == pytest.approx((1 + (1 + 0.5) / 2) / 2)
    assert sum(data.own.counts) == pytest.approx(1.0)
    assert sum(data.other.counts) == pytest.approx(1.0)
    assert data.own.edges == data.other.edges
    assert data.users == 5


def test_reconstruction_needs_five_users_with_both_kinds_of_item() -> None:
    rows: list[list[int]] = [[0], [0], [0], [0], [], [0, 1]]
    assert summaries.reconstruction(np.zeros((6, 2), np.float32), Histories.from_rows(rows, 2)) is None
    constant = summaries.reconstruction(np.zeros((5, 2), np.float32), Histories.from_rows([[0]] * 5, 2))
    assert constant is not None
    assert constant.separation == 0.5


def test_generated_lists_by_hand() -> None:
    # All five users own items 0 and 1 of three; the scores bring 1 and 2.
    histories = Histories.from_rows([[0, 1]] * 5, 3)
    scores = np.tile(np.array([0.0, 2.0, 1.0], dtype=np.float32), (5, 1))
    data = summaries.generated_lists("gan", scores, histories)
    assert data is not None
    assert data.real == data.generated == (5, 5, 0)
    assert data.only_real == 1
    assert data.correlation == pytest.approx(-0.5)
    assert (data.items[0][-1], data.items[-1][0], data.items[-1][-1]) == (1, 1, 1)
    assert sum(map(sum, data.items)) == 3


def test_generated_lists_need_five_users() -> None:
    assert summaries.generated_lists("gan", np.zeros((4, 3), np.float32), Histories.from_rows([[0]] * 4, 3)) is None
    everyone = summaries.generated_lists("gan", np.zeros((5, 1), np.float32), Histories.from_rows([[0]] * 5, 1))
    assert everyone is not None
    assert everyone.correlation is None


def test_data_does_not_grow_with_users() -> None:
    def size(users: int) -> int:
        histories = Histories.from_rows([[user % 7, 7 + user % 5] for user in range(users)], 12)
        scores = np.random.default_rng(0).random((users, 12)).astype(np.float32)
        parts = (
            summaries.history_lengths(histories),
            summaries.reconstruction(scores, histories),
            summaries.generated_lists("gan", scores, histories),
        )
        return sum(_numbers(json.loads(part.model_dump_json())) for part in parts if part is not None)

    # Bins of counts grow with the largest count, not with users.
    assert size(2000) <= size(200) + 400


def _numbers(value: object) -> int:
    if isinstance(value, dict):
        return sum(map(_numbers, value.values()))
    return sum(map(_numbers, value)) if isinstance(value, list) else 1
