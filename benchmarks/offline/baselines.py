"""The baselines and the grids their options are searched on, the same grids for every data set."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
from scipy import sparse

from benchmarks.offline import few_users
from benchmarks.offline.item_item import Dense, dense_bytes, ease, edlae, item_knn
from benchmarks.offline.lists import Score, matrix
from selfrec.histories import Float32, Histories

Options = Mapping[str, Any]

FULL_ITEMS = 25_000
"""Dense item-item models are fitted up to so many items, and beyond only when asked for."""


@dataclass(frozen=True)
class Search:
    """The options that are tried on the validation part."""

    grid: tuple[Options, ...]
    then: tuple[Options, ...] = ()
    """Tried after the grid, each put over the best options so far."""


@dataclass(frozen=True, kw_only=True)
class Baseline:
    """A model to compare with."""

    name: str
    title: str
    fit: Callable[[Histories, Options, int], Score]
    """(training histories, options, seed) -> scores."""
    search: Search
    large_search: Search | None = None
    """Beyond FULL_ITEMS items, where one fit takes long; `search` when None."""
    dense: bool = False
    """Whether the model holds a number for every pair of items."""
    seeded: bool = False
    """Whether the fit depends on the seed."""
    needs: tuple[str, ...] = ("numpy", "scipy")
    """Distributions whose versions count."""

    def search_of(self, n_items: int) -> Search:
        """The search for this many items."""
        return self.large_search if self.large_search is not None and n_items > FULL_ITEMS else self.search

    def too_large(self, n_items: int, *, large: bool, memory: int) -> str | None:
        """Why it is not fitted, or None. memory: bytes that may be used."""
        if not self.dense or (n_items <= FULL_ITEMS and dense_bytes(n_items) * 1.3 <= memory):
            return None
        needed = f"{n_items:,} x {n_items:,} numbers, {dense_bytes(n_items) / 1e9:.1f} GB"
        if dense_bytes(n_items) * 1.3 > memory:
            return f"too large: {needed}; {memory / 1e9:.1f} GB free"
        return None if large else f"too large: {needed}; --large fits it"


def _grid(**axes: tuple[Any, ...]) -> tuple[Options, ...]:
    return tuple(dict(zip(axes, values, strict=True)) for values in product(*axes.values()))


def _popularity(histories: Histories, options: Options, seed: int) -> Score:
    """Users of an item; with a half-life, a choice counts half as much after so many days."""
    half_life = options["half_life_days"]
    strength = None if half_life is None else 0.5 ** (histories.ages / half_life)
    counts = np.bincount(histories.items, weights=strength, minlength=histories.n_items).astype(np.float32)
    return lambda asked: np.tile(counts, (len(asked), 1))


def _item_knn(histories: Histories, options: Options, seed: int) -> Score:
    similar = item_knn(matrix(histories), options["neighbours"], options["shrink"])
    return lambda asked: (matrix(asked) @ similar).toarray()


def _ease(histories: Histories, options: Options, seed: int) -> Score:
    x = matrix(histories)
    if x.shape[0] < x.shape[1]:
        return _of_few(x, options["regularization"])
    return _product(ease(x, options["regularization"]))


def _edlae(histories: Histories, options: Options, seed: int) -> Score:
    x = matrix(histories)
    if x.shape[0] < x.shape[1]:
        return _of_few(x, options["regularization"], options["dropout"])
    return _product(edlae(x, options["regularization"], options["dropout"]))


def _of_few(x: sparse.csr_matrix, regularization: float, dropout: float = 0.0) -> Score:
    product = few_users.linear(x, few_users.ridge(x, regularization, dropout))
    return lambda asked: product(matrix(asked))


def _product(weights: Dense) -> Score:
    single = weights.astype(np.float32, copy=False)
    return lambda asked: matrix(asked) @ single


def _ials(histories: Histories, options: Options, seed: int) -> Score:
    """Hu, Koren and Volinsky 2008, by the library implicit; users are folded in, those it was trained on too."""
    from implicit.cpu.als import AlternatingLeastSquares
    from threadpoolctl import threadpool_limits

    # Its own threads and those of BLAS would fight for the cores.
    with threadpool_limits(1, "blas"):
        model = AlternatingLeastSquares(
            factors=options["factors"],
            regularization=options["regularization"],
            alpha=options["alpha"],
            iterations=options["iterations"],
            random_state=seed,
        )
        model.fit(matrix(histories), show_progress=False)
    items = np.ascontiguousarray(model.item_factors.T)

    def score(asked: Histories) -> Float32:
        users = model.recalculate_user(np.arange(len(asked)), matrix(asked))
        return np.asarray(users @ items, dtype=np.float32)

    return score


BASELINES = (
    Baseline(
        name="popularity",
        title="popularity",
        fit=_popularity,
        search=Search(_grid(half_life_days=(None,))),
        needs=("numpy",),
    ),
    Baseline(
        name="recent",
        title="popularity, decayed",
        fit=_popularity,
        search=Search(_grid(half_life_days=(90.0, 30.0, 7.0, 3.0))),
        needs=("numpy",),
    ),
    Baseline(
        name="itemknn",
        title="ItemKNN, cosine",
        fit=_item_knn,
        search=Search(_grid(neighbours=(200,), shrink=(0.0, 10.0, 100.0)), then=_grid(neighbours=(20, 50, 800))),
    ),
    Baseline(
        name="ials",
        title="iALS (implicit)",
        fit=_ials,
        search=Search(
            _grid(factors=(64,), alpha=(2.0, 5.0, 20.0), regularization=(3.0, 10.0, 30.0, 100.0), iterations=(15,)),
            then=_grid(factors=(128, 256)),
        ),
        seeded=True,
        needs=("numpy", "scipy", "implicit"),
    ),
    Baseline(
        name="ease",
        title="EASE",
        fit=_ease,
        search=Search(_grid(regularization=(30.0, 100.0, 250.0, 500.0, 1000.0, 2500.0))),
        large_search=Search(_grid(regularization=(30.0, 100.0, 300.0))),
        dense=True,
    ),
    Baseline(
        name="edlae",
        title="EDLAE, full rank",
        fit=_edlae,
        search=Search(
            _grid(dropout=(0.5,), regularization=(30.0, 100.0, 300.0, 1000.0)), then=_grid(dropout=(0.2, 0.35, 0.7))
        ),
        large_search=Search(_grid(dropout=(0.5,), regularization=(30.0, 100.0)), then=_grid(dropout=(0.25,))),
        dense=True,
    ),
)
"""Every baseline, in the order of the tables."""
