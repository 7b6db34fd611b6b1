"""The largest scores of every row, in blocks: what ranking a holdout costs beside the scores themselves."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

BLOCK = 16
"""Items of which only the largest score is looked at first."""

BLOCKS_AN_ITEM = 4
"""Blocks for each of the k items from which two steps are quicker than one."""

CHUNK_BYTES = 1 << 20
"""Scores of so many bytes are worked on at a time, so that the passes over them find them in the cache."""


def row_chunks(scores: Tensor) -> Iterator[slice]:
    """The rows of scores float32[B, N] in slices of about CHUNK_BYTES."""
    rows = max(1, CHUNK_BYTES // (4 * max(1, scores.shape[1])))
    for start in range(0, len(scores), rows):
        yield slice(start, start + rows)


def largest(scores: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """As `scores.topk(k, dim=1)` for float32[B, N], up to which of equal scores: float32[B, k], int64[B, k].

    The k largest stand in the k blocks with the largest maxima. Block c holds the items c, c + n, c + 2 n, .. for n
    blocks, so that the maxima of all blocks are maxima of BLOCK contiguous slices; items past the last whole block are
    looked at as they are.
    """
    blocks = scores.shape[1] // BLOCK
    if blocks < BLOCKS_AN_ITEM * k:
        values, items = scores.topk(k, dim=1)
        return values, items
    whole = blocks * BLOCK
    maxima = torch.unflatten(scores[:, :whole], 1, (BLOCK, blocks)).amax(1)
    found = maxima.topk(k, dim=1, sorted=False).indices
    places = torch.arange(0, whole, blocks, device=scores.device)
    rest = torch.arange(whole, scores.shape[1], device=scores.device)
    candidates = torch.cat(
        [(found[:, None, :] + places[:, None]).flatten(1), rest.expand(len(scores), -1)],
        dim=1,
    )
    values, order = scores.gather(1, candidates).topk(k, dim=1)
    return values, candidates.gather(1, order)
