"""Recency: what the older items of a history count."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from selfrec.errors import SettingsError
from selfrec.pipeline.batch import UserBatch
from selfrec.pipeline.measure import Measured
from selfrec.pipeline.recency import EVEN, Recency, best, given
from selfrec.settings.tables import PipelineSettings

N = 9


def batch(history: list[list[int]], ages: list[list[float]], weights: list[list[float]] | None = None) -> UserBatch:
    numbers = torch.tensor(history, dtype=torch.int64).reshape(len(history), -1)
    given = torch.ones(numbers.shape) if weights is None else torch.tensor(weights)
    real = (numbers < N).float()
    return UserBatch(
        numbers, given * real, torch.tensor(ages).reshape(numbers.shape) * real, torch.zeros(len(history), 0)
    )


class TestWeights:
    def test_by_position_counts_newer_items_and_no_padding(self) -> None:
        some = batch([[N, 1, 2, N, 3], [4, N, N, N, N]], [[0.0] * 5] * 2, [[1, 9, 6, 1, 1], [2, 1, 1, 1, 1]])
        found = Recency("position", 1.0)(some)
        assert found.weights.tolist() == [[0, 3, 3, 0, 1], [2, 0, 0, 0, 0]]
        assert found.history is some.history
        assert found.ages is some.ages

    def test_by_age_counts_from_the_newest_item(self) -> None:
        some = batch([[N, 1, 2, 3]], [[0.0, 40.003, 40.001, 40.0]])
        found = Recency("age", 1.0)(some).weights
        torch.testing.assert_close(found, torch.tensor([[0, 1 / 4, 1 / 2, 1]]), rtol=0.01, atol=0)

    def test_items_of_one_moment_count_alike(self) -> None:
        found = Recency("age", 0.5)(batch([[1, 2, 3]], [[3.0, 3.0, 3.0]])).weights
        assert found.tolist() == [[1, 1, 1]]

    @pytest.mark.parametrize("recency", [Recency("position", 0.5), Recency("age", 0.5)])
    def test_no_items_and_only_padding_stay_finite(self, recency: Recency) -> None:
        assert recency(batch([[], []], [[], []])).weights.shape == (2, 0)
        assert recency(batch([[N, N]], [[0.0, 0.0]])).weights.tolist() == [[0, 0]]

    def test_even_is_the_batch_itself(self) -> None:
        some = batch([[1, 2]], [[1.0, 0.0]])
        assert EVEN(some) is some


class TestChoice:
    def figures(self, values: dict[tuple[str, float], float]) -> tuple[Recency, list[tuple[str, float]]]:
        """The choice among these figures (.1 for all others), and what was asked for."""
        asked: list[tuple[str, float]] = []

        def measure(recency: Recency) -> Measured:
            asked.append((recency.by, recency.power))
            value = values.get(asked[-1], 0.1)
            return Measured({"ndcg@20": value}, np.full(10, value, np.float32))

        return best(PipelineSettings(), measure)[0], asked

    def test_highest_power_before_the_first_fall(self) -> None:
        found, asked = self.figures({("position", 0.25): 0.2, ("position", 0.5): 0.3, ("position", 0.75): 0.25})
        assert found == Recency("position", 0.5)
        assert ("position", 1.0) not in asked

    def test_ages_have_to_be_better(self) -> None:
        assert self.figures({("position", 0.5): 0.3, ("age", 0.5): 0.3})[0] == Recency("position", 0.5)
        assert self.figures({("position", 0.5): 0.3, ("age", 0.5): 0.31})[0] == Recency("age", 0.5)


class TestOptions:
    def test_none_and_missing_times_leave_it_out(self) -> None:
        assert given(PipelineSettings(recency="none"), timed=True) == EVEN
        assert given(PipelineSettings(), timed=False) == EVEN

    def test_rows_drawn_by_chance_choose_none(self) -> None:
        assert given(PipelineSettings(), timed=True, drawn=True) == EVEN
        assert given(PipelineSettings(recency="position"), timed=True, drawn=True) is None

    def test_a_power_that_is_given_is_not_searched(self) -> None:
        told = PipelineSettings(recency="age", recency_power=0.7)
        assert given(told, timed=True) == Recency("age", 0.7)
        assert given(PipelineSettings(recency="age"), timed=True) is None

    def test_asking_for_it_without_times_is_an_error(self) -> None:
        with pytest.raises(SettingsError, match=r"'position', and the events have no times; name their column"):
            given(PipelineSettings(recency="position"), timed=False)
