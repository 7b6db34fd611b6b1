"""After export: the graph keeps to the contract, and onnxruntime gives what torch gives on edge batches."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime as ort
import torch

from selfrec.errors import ExportError, one_line
from selfrec.pipeline.recommender import Recommender

Array = npt.NDArray[np.generic]
Feeds = Mapping[str, Array]

TOLERANCE = 1e-4
"""Largest difference of two scores, relative to the largest score of the batch."""


@dataclass(frozen=True)
class Case:
    """One batch that the graph must survive, and what is special about it."""

    name: str
    feeds: dict[str, Array]


def check_graph(path: Path, recommender: Recommender) -> int:
    """Check the exported file against the module it came from; the number of batches compared.

    Raises ExportError naming the first batch that differs.
    """
    try:
        onnx.checker.check_model(str(path), full_check=False)
    except onnx.checker.ValidationError as error:
        raise ExportError(f"{path.name}: not a valid graph ({one_line(error)[:300]})") from error
    options = ort.SessionOptions()
    options.log_severity_level = 3
    session = ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    count = 0
    for case in cases(recommender):
        with torch.no_grad():
            wanted_items, wanted = recommender(**{k: torch.from_numpy(v) for k, v in case.feeds.items()})
        items, scores = session.run(["items", "scores"], dict(case.feeds))
        problem = difference(items, scores, wanted_items.numpy(), wanted.numpy())
        if problem:
            raise ExportError(f"{path.name}: onnxruntime and torch differ on {case.name}: {problem}")
        count += 1
    return count


def difference(
    items: npt.NDArray[np.int64],
    scores: npt.NDArray[np.float32],
    wanted_items: npt.NDArray[np.int64],
    wanted: npt.NDArray[np.float32],
) -> str:
    """What is different between two results [B, K], or "". Items need to agree only where scores do not tie."""
    if items.shape != wanted_items.shape or scores.shape != wanted.shape:
        return f"shapes {items.shape} and {scores.shape}, wanted {wanted_items.shape} and {wanted.shape}"
    if np.isnan(scores).any() or np.isnan(wanted).any():
        return "a score is NaN"
    if not np.array_equal(np.isneginf(scores), np.isneginf(wanted)):
        return "other slots are empty (-inf)"
    there = np.isfinite(wanted)
    if not there.any():
        return ""
    margin = TOLERANCE * max(1.0, float(np.abs(wanted[there]).max()))
    gap = np.abs(np.where(there, scores, 0) - np.where(there, wanted, 0))
    if gap.max() > margin:
        return f"scores differ by {gap.max():.3g}"
    padded = np.pad(np.where(there, wanted, -np.inf), ((0, 0), (1, 1)), constant_values=np.nan)
    with np.errstate(invalid="ignore"):
        near = np.fmin(np.abs(padded[:, 1:-1] - padded[:, :-2]), np.abs(padded[:, 1:-1] - padded[:, 2:]))
    clear = there & (near > 2 * margin)
    # The last slot's rival may stand just outside the list.
    clear[:, -1:] = False
    if (items[clear] != wanted_items[clear]).any():
        return f"{int((items[clear] != wanted_items[clear]).sum())} items differ"
    return ""


def cases(recommender: Recommender) -> Iterator[Case]:
    """Batches of 0, 1, 2 and 7 users; empty, full and padded histories; nothing, the history, everything excluded."""
    n_items = recommender.n_items
    rng = np.random.default_rng(0)
    full = min(n_items, 40)
    for users in (0, 1, 2, 7):
        for length in (0, 1, full):
            history = _history(rng, users, length, n_items)
            feeds = _feeds(recommender, history, history)
            yield Case(f"{users} users with {length} items", feeds)
    history = _history(rng, 3, full, n_items)
    padded = np.full((3, full + 5), n_items, dtype=np.int64)
    padded[:, 2::2][:, : full // 2] = history[:, : full // 2]
    yield Case("padding inside the row", _feeds(recommender, padded, padded))
    nothing = np.full((2, 3), n_items, dtype=np.int64)
    yield Case("only padding", _feeds(recommender, nothing, nothing))
    everything = np.broadcast_to(np.arange(n_items, dtype=np.int64), (2, n_items)).copy()
    yield Case("everything excluded", _feeds(recommender, history[:2], everything))
    bias = rng.normal(size=n_items).astype(np.float32)
    bias[rng.random(n_items) < 0.3] = -np.inf
    yield Case("boosted and denied items", _feeds(recommender, history, history) | {"item_bias": bias})
    bias = np.full(n_items, -np.inf, dtype=np.float32)
    yield Case("every item denied", _feeds(recommender, history, history) | {"item_bias": bias})


def _history(rng: np.random.Generator, users: int, length: int, n_items: int) -> npt.NDArray[np.int64]:
    rows = [rng.permutation(n_items)[:length] for _ in range(users)]
    return np.array(rows, dtype=np.int64).reshape(users, length)


def _feeds(recommender: Recommender, history: Array, exclude: Array) -> dict[str, Array]:
    users = len(history)
    rng = np.random.default_rng(users)
    feeds: dict[str, Array] = {
        "history": history,
        "weights": rng.uniform(0.5, 3, size=history.shape).astype(np.float32),
        "exclude": exclude,
        "item_bias": np.zeros(recommender.n_items, dtype=np.float32),
    }
    if "ages" in recommender.inputs:
        feeds["ages"] = rng.uniform(0, 100, size=history.shape).astype(np.float32)
    if "user_features" in recommender.inputs:
        feeds["user_features"] = rng.normal(size=(users, recommender.user_features)).astype(np.float32)
    return feeds
