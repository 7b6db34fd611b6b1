"""A graph, or a part of one, as onnxruntime runs it: in one session, or with one of its own that sums up histories."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import numpy.typing as npt

from selfrec.scoring.batches import Piece

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

    from selfrec.graph_rewrites.in_two import InTwo

Array = npt.NDArray[Any]
Feeds = dict[str, Array]
"""Inputs by name; a part of a graph may do without some."""
Found = tuple[Array, Array]
"""Items and scores as a graph gives them."""


class Sessions(Protocol):
    """`run` may be called from several threads at once."""

    @property
    def types(self) -> dict[str, str]:
        """onnxruntime's names of the outputs' types."""

    def run(self, names: list[str], feeds: Feeds, pieces: Sequence[Piece] = ()) -> list[Array]:
        """The outputs of these names. pieces: all rows of the batch; read where histories have their own session."""


class OneSession:
    """The whole in one session."""

    def __init__(self, session: InferenceSession) -> None:
        self._session = session
        self._inputs = {one.name for one in session.get_inputs()}

    @property
    def types(self) -> dict[str, str]:
        """onnxruntime's names of the outputs' types."""
        return {one.name: one.type for one in self._session.get_outputs()}

    def run(self, names: list[str], feeds: Feeds, pieces: Sequence[Piece] = ()) -> list[Array]:
        """The outputs of these names."""
        del pieces
        given = {name: values for name, values in feeds.items() if name in self._inputs}
        found: list[Array] = self._session.run(names, given)
        return found


def run_in_pieces(session: Sessions, names: list[str], feeds: Feeds, shared: Feeds, rows: int) -> list[Array]:
    """The outputs for a batch, of so many rows at a time, so that what is made in between stays in the cache.

    feeds: inputs of the batch's B rows. shared: the same for every row.
    """
    count = len(next(iter(feeds.values())))
    pieces = (slice(start, start + rows) for start in range(0, count, rows))
    found = [session.run(names, shared | {name: values[piece] for name, values in feeds.items()}) for piece in pieces]
    return [np.concatenate(arrays) for arrays in zip(*found, strict=True)]


class PooledSession:
    """Histories summed up piece by piece, so that their embeddings stay in the cache, and all that follows at once."""

    def __init__(self, parts: InTwo, head: InferenceSession, tail: InferenceSession) -> None:
        self._pooled, self._slotwise = parts.pooling.name, parts.head_inputs
        self._head, self._tail = head, OneSession(tail)

    @property
    def types(self) -> dict[str, str]:
        """onnxruntime's names of the outputs' types."""
        return self._tail.types

    def run(self, names: list[str], feeds: Feeds, pieces: Sequence[Piece] = ()) -> list[Array]:
        """The outputs of these names. pieces: all rows of the batch."""
        pooled = np.concatenate([self._sums(feeds, piece) for piece in pieces])
        return self._tail.run(names, feeds | {self._pooled: pooled})

    def _sums(self, feeds: Feeds, piece: Piece) -> Array:
        rows = {name: feeds[name][piece.start : piece.end, : piece.length] for name in self._slotwise}
        sums: Array = self._head.run([self._pooled], rows)[0]
        return sums
