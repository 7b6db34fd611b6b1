"""A published split as arrays, and Recall@20 and NDCG@20 on its test part; with numpy alone."""

from pathlib import Path
from typing import NamedTuple

import numpy as np

K = 20


class Split(NamedTuple):
    """User u has items[offsets[u]:offsets[u + 1]] in each part."""

    train_offsets: np.ndarray
    train_items: np.ndarray
    test_offsets: np.ndarray
    test_items: np.ndarray

    @property
    def users(self) -> int:
        """U."""
        return len(self.train_offsets) - 1

    @property
    def items(self) -> int:
        """N."""
        return int(max(self.train_items.max(), self.test_items.max())) + 1


def read_split(folder: Path) -> Split:
    """What arrange.py has written."""
    return Split(
        *(np.load(folder / f"{part}_{what}.npy") for part in ("train", "test") for what in ("offsets", "items"))
    )


def quality(split: Split, lists: np.ndarray) -> tuple[float, float]:
    """Mean Recall@20 and NDCG@20 over the users with test items; int[U, 20] item numbers, -1 in empty places."""
    users = np.flatnonzero(np.diff(split.test_offsets))
    owners = np.repeat(np.arange(split.users), np.diff(split.test_offsets))
    wanted = np.unique(owners.astype(np.int64) * split.items + split.test_items)
    asked = users[:, None].astype(np.int64) * split.items + lists[users, :K]
    hits = np.isin(asked, wanted) & (lists[users, :K] >= 0)
    relevant = np.diff(split.test_offsets)[users]
    discounts = 1 / np.log2(np.arange(2, K + 2))
    ideal = np.cumsum(discounts)[np.minimum(relevant, K) - 1]
    return float((hits.sum(1) / relevant).mean()), float(((hits * discounts).sum(1) / ideal).mean())
