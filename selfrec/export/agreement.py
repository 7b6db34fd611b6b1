"""When two results of one batch are the same: scores within a tolerance, items equal where scores do not tie."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from selfrec.words import plural

TOLERANCE = 1e-4
"""Largest difference of two scores, relative to the largest score of the batch."""


def difference(
    items: npt.NDArray[Any],
    scores: npt.NDArray[np.float32],
    wanted_items: npt.NDArray[Any],
    wanted: npt.NDArray[np.float32],
    *,
    tolerance: float = TOLERANCE,
) -> str:
    """What is different between two results [B, K], or "". Items are numbers or ids of any type."""
    if items.shape != wanted_items.shape or scores.shape != wanted.shape:
        return f"shapes {items.shape} and {scores.shape}, wanted {wanted_items.shape} and {wanted.shape}"
    if np.isnan(scores).any() or np.isnan(wanted).any():
        return "a score is NaN"
    if not np.array_equal(np.isneginf(scores), np.isneginf(wanted)):
        return "other slots are empty (-inf)"
    there = np.isfinite(wanted)
    if not there.any():
        return ""
    margin = tolerance * max(1.0, float(np.abs(wanted[there]).max()))
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
        return plural(int((items[clear] != wanted_items[clear]).sum()), "item differs", "items differ")
    return ""
