"""Batches that a graph must survive, whatever runs it: empty, full, padded, excluded and denied."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.generic]
Feeds = Mapping[str, Array]

USERS = (0, 1, 2, 7)
"""Sizes of batches."""


@dataclass(frozen=True)
class Case:
    """One batch, by the names of the graph's inputs, and what is special about it."""

    name: str
    feeds: dict[str, Array]


class GraphSizes(Protocol):
    """What of a graph decides the shapes of its inputs."""

    @property
    def n_items(self) -> int:
        """N."""

    @property
    def top_k(self) -> int:
        """K."""

    @property
    def extra_inputs(self) -> Collection[str]:
        """`ages` and `user_features`, those the graph has."""

    @property
    def user_features(self) -> int:
        """U."""


def user_counts(onnxruntime: str) -> tuple[int, ...]:
    """Sizes of batches that this version of onnxruntime can be asked: TopK of no rows ends the process before 1.31."""
    major, minor = map(int, onnxruntime.split(".")[:2])
    return USERS if (major, minor) >= (1, 31) else USERS[1:]


def edge_batches(sizes: GraphSizes, users_of: Sequence[int] = USERS) -> Iterator[Case]:
    """Batches of so many users; empty, full and padded histories; nothing, the history, everything excluded."""
    n_items = sizes.n_items
    rng = np.random.default_rng(0)
    full = min(n_items, 40)
    for users in users_of:
        for length in (0, 1, full):
            history = _history(rng, users, length, n_items)
            yield Case(f"{users} users with {length} items", _feeds(sizes, history, history))
    history = _history(rng, 3, full, n_items)
    padded = np.full((3, full + 5), n_items, dtype=np.int64)
    padded[:, 2::2][:, : full // 2] = history[:, : full // 2]
    yield Case("padding inside the row", _feeds(sizes, padded, padded))
    nothing = np.full((2, 3), n_items, dtype=np.int64)
    yield Case("only padding", _feeds(sizes, nothing, nothing))
    everything = np.broadcast_to(np.arange(n_items, dtype=np.int64), (2, n_items)).copy()
    yield Case("everything excluded", _feeds(sizes, history[:2], everything))
    bias = rng.normal(size=n_items).astype(np.float32)
    bias[rng.random(n_items) < 0.3] = -np.inf
    yield Case("boosted and denied items", _feeds(sizes, history, history) | {"item_bias": bias})
    bias = np.full(n_items, -np.inf, dtype=np.float32)
    yield Case("every item denied", _feeds(sizes, history, history) | {"item_bias": bias})
    yield from _list_limits(sizes, rng)


def _list_limits(sizes: GraphSizes, rng: np.random.Generator) -> Iterator[Case]:
    """As many items left as a list is long, one less, and one alone; an item twice; one user warm and one cold."""
    n_items = sizes.n_items
    order = rng.permutation(n_items)
    history = _history(rng, 2, min(n_items, 3), n_items)
    for left in sorted({1, sizes.top_k - 1, sizes.top_k} - {0}):
        bias = np.zeros(n_items, dtype=np.float32)
        bias[order[left:]] = -np.inf
        nothing = np.full((2, 1), n_items, dtype=np.int64)
        yield Case(f"items left: {left}", _feeds(sizes, history, nothing) | {"item_bias": bias})
    twice = np.concatenate([history, history], axis=1)
    yield Case("every item twice", _feeds(sizes, twice, twice))
    mixed = history.copy()
    mixed[1] = n_items
    yield Case("a warm and a cold user", _feeds(sizes, mixed, mixed))


def sample_histories(sizes: GraphSizes, users: int) -> Iterator[dict[str, Array]]:
    """Drawn histories of 1 to 50 items, popular ones more often, in batches of up to 50 users, their items excluded."""
    rng = np.random.default_rng(1)
    for start in range(0, users, 50):
        batch = min(50, users - start)
        length = min(50, max(1, sizes.n_items // 2))
        # Numbers follow popularity.
        history = np.floor(sizes.n_items * rng.random((batch, length)) ** 2).astype(np.int64)
        history[rng.random((batch, length)) < 0.5] = sizes.n_items
        history[:, 0] = rng.integers(0, sizes.n_items, batch)
        yield _feeds(sizes, history, history)


def _history(rng: np.random.Generator, users: int, length: int, n_items: int) -> npt.NDArray[np.int64]:
    rows = [rng.permutation(n_items)[:length] for _ in range(users)]
    return np.array(rows, dtype=np.int64).reshape(users, length)


def _feeds(sizes: GraphSizes, history: Array, exclude: Array) -> dict[str, Array]:
    users = len(history)
    rng = np.random.default_rng(users)
    feeds: dict[str, Array] = {
        "history": history,
        "weights": rng.uniform(0.5, 3, size=history.shape).astype(np.float32),
        "exclude": exclude,
        "item_bias": np.zeros(sizes.n_items, dtype=np.float32),
    }
    if "ages" in sizes.extra_inputs:
        feeds["ages"] = rng.uniform(0, 100, size=history.shape).astype(np.float32)
    if "user_features" in sizes.extra_inputs:
        feeds["user_features"] = rng.normal(size=(users, sizes.user_features)).astype(np.float32)
    return feeds
