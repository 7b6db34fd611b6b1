"""SLIM by ridge: systems solved by hand, against the full ridge, and as a sparse generator."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from selfrec.plugin import Histories, Sizes
from selfrec_itemknn import ridge, selfrec_generators
from selfrec_itemknn import shared as counting
from selfrec_itemknn.options import SlimOptions
from tests.plugins.kit import built, fitted_on, inside, scores_on

_, RECORD = selfrec_generators()
PLAIN: dict[str, Any] = {"neighbours": 3, "shrink": 0.0, "l2": 1.0, "dropout": 0.0, "target_exponent": 0.0}
PAIRS = [[0, 1], [0, 1], [0, 2], [1, 2]]
"""Every user has two items, so each counts 1. G = 3 2 1 / 2 3 1 / 1 1 2."""

some_rows = st.lists(st.sets(st.integers(0, 8), min_size=0, max_size=6), min_size=1, max_size=12)


fitted = partial(fitted_on, RECORD)
scores = partial(scores_on, RECORD)


def full_ridge(rows: list[list[int]], items: int, l2: float, dropout: float) -> np.ndarray[Any, np.dtype[np.float64]]:
    """float64[N, N] B with zero diagonal: each item's ridge on all others, every user of n items counting 1 / n."""
    x = np.zeros((len(rows), items))
    for user, row in enumerate(rows):
        x[user, row] = 1
    lengths = x.sum(1)
    weights = lengths.sum() / max(1, (lengths > 0).sum()) / np.maximum(1, lengths)
    gram = x.T * weights @ x
    damped = gram + np.diag(l2 + dropout / (1 - dropout) * np.maximum(np.diag(gram), weights.min()))
    found = np.zeros((items, items))
    for j in range(items):
        others = [i for i in range(items) if i != j]
        found[others, j] = np.linalg.solve(damped[np.ix_(others, others)], gram[others, j])
    return found


class TestByHand:
    def test_two_items_that_speak_for_a_third(self) -> None:
        """Item 2 on items 0 and 1: (4 2 / 2 4) b = (1 1), so both say 1/6. Item 0 on 1 and 2: (4 1 / 1 3) b = (2 1)."""
        found = scores(PAIRS, [[0], [1], [2]], 3, **PLAIN)
        wanted = [[0, 5 / 11, 1 / 6], [5 / 11, 0, 1 / 6], [2 / 11, 2 / 11, 0]]
        torch.testing.assert_close(found, torch.tensor(wanted, dtype=torch.float32))

    def test_only_the_nearest_are_weighed(self) -> None:
        """With one item a system is b = G_ij / (G_ii + lambda): 2 / 4 of items 0 and 1 for each other."""
        found = scores(PAIRS, [[0], [1]], 3, **PLAIN | {"support": 1, "neighbours": 1})
        assert float(found[0, 1]) == pytest.approx(0.5)
        assert float(found[1, 0]) == pytest.approx(0.5)

    def test_dropout_damps_by_popularity(self) -> None:
        """p = .5 adds G_ii once more: 2 / (3 + 3 + 1)."""
        found = scores(PAIRS, [[0]], 3, **PLAIN | {"support": 1, "neighbours": 1, "dropout": 0.5})
        assert float(found[0, 1]) == pytest.approx(2 / 7)

    def test_what_is_said_of_a_common_item_counts_less(self) -> None:
        found = scores(PAIRS, [[0]], 3, **PLAIN | {"target_exponent": 1.0})
        torch.testing.assert_close(found[0], torch.tensor([0, 5 / 11 / 3, 1 / 6 / 2]))

    def test_the_strongest_are_kept(self) -> None:
        found = scores(PAIRS, [[0]], 3, **PLAIN | {"neighbours": 1})
        assert (found[0] != 0).tolist() == [False, True, False]

    def test_items_of_no_shared_user_say_nothing(self) -> None:
        part = fitted([[0, 1], [2], []], 4, neighbours=5)
        assert inside(part).neighbours.shape == (5, 5)
        assert inside(part).neighbours[2:].tolist() == [[4] * 5] * 3
        assert not inside(part).strengths[2:].any()


@settings(max_examples=30, deadline=None)
@given(rows=some_rows, l2=st.floats(0.5, 20), dropout=st.floats(0, 0.8))
def test_with_every_item_as_support_it_is_the_full_ridge(rows: list[set[int]], l2: float, dropout: float) -> None:
    """Of items that share no user with the target the full ridge may say something too; so one user has all."""
    listed = [*(sorted(row) for row in rows), list(range(9))]
    options = {"support": 9, "neighbours": 9, "l2": l2, "dropout": dropout, "target_exponent": 0.0}
    found = scores(listed, [[item] for item in range(9)], 9, **options)
    np.testing.assert_allclose(found.numpy(), full_ridge(listed, 9, l2, dropout), rtol=1e-3, atol=1e-4)


@settings(max_examples=30, deadline=None)
@given(rows=some_rows, cells=st.integers(1, 60), solved=st.integers(1, 4))
def test_systems_in_parts_of_any_size_give_the_same(rows: list[set[int]], cells: int, solved: int) -> None:
    pairs = ridge.Pairs.of(Histories.from_rows([sorted(row) for row in rows], 9))
    options = SlimOptions(support=4)
    support = ridge.supports(pairs, 4, options)
    whole = ridge.coefficients(pairs, support, options)
    with pytest.MonkeyPatch.context() as patch:
        for module, name, value in (
            (ridge, "SYSTEM_CELLS", cells),
            (ridge, "ITEM_CELLS", 0),
            (ridge, "SOLVED", solved),
            (counting, "CELLS", cells),
        ):
            patch.setattr(module, name, value)
        parts = ridge.coefficients(pairs, support, options)
    torch.testing.assert_close(parts, whole)


class TestPrice:
    @pytest.mark.parametrize(
        ("items", "length", "neighbours"),
        [(6_000, 100, 10), (17_000, 26, 40), (9_000, 60, 25), (50, 500, 4)],
    )
    def test_as_many_as_the_product_pays_for(self, items: int, length: int, neighbours: int) -> None:
        """A quarter of 512 N multiplications, in entries of 750, for each item of a history."""
        row = [number % items for number in range(length)]
        assert ridge.affordable(Histories.from_rows([row, row], items), 512) == neighbours

    def test_a_narrow_product_pays_for_less(self) -> None:
        histories = Histories.from_rows([list(range(30))], 9_000)
        assert ridge.affordable(histories, 64) == 6

    def test_unset_neighbours_follow_from_the_rows(self) -> None:
        part = fitted(PAIRS, 3)
        assert inside(part).neighbours.shape == (4, ridge.LEAST)

    def test_systems_of_a_large_catalog_are_smaller(self) -> None:
        assert ridge.support_size(100, 17_000) == 100
        assert ridge.support_size(100, 60_000) == 81
        assert ridge.support_size(100, 1_000_000) == 50
        assert ridge.support_size(100, 7) == 7


def test_a_table_of_another_width_is_loaded_with_its_room() -> None:
    """The trainer chooses the room; a part built anew does not know it."""
    part, new = fitted(PAIRS, 3, neighbours=2), built(RECORD, Sizes(items=3))
    new.module.load_state_dict(part.module.state_dict())
    assert torch.equal(inside(new).strengths, inside(part).strengths)
    assert torch.equal(inside(new).neighbours, inside(part).neighbours)
