"""Runs a model's graph in the form that suits the job: screened, without a bias of zeros, in two, or as it stands."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from selfrec.histories import Float32
from selfrec.model_folder.edited import Edited
from selfrec.model_folder.screen import best_of_blocks
from selfrec.scoring.batches import Piece
from selfrec.scoring.processor import adds_up, exact_form, quick_form
from selfrec.scoring.screening import Feeds, Found, Screening
from selfrec.scoring.selecting import Rest, Selecting

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

    from selfrec.model_folder.in_two import InTwo
    from selfrec.model_folder.reading import Model

_LONG = 10
"""Lists that are selected by numpy: shorter ones cost less in the graph [measured]."""


class GraphRunner:
    """Sessions of one model; `run` may be called from several threads at once."""

    def __init__(
        self, model: Model, k: int, item_bias: Float32, *, working_bytes: int, few: bool, screen: bool | None
    ) -> None:
        """few: the graph is taken as it stands, which starts sooner. screen: None where it gains, True where it can be.

        Raises ModelError.
        """
        self._model, self._k, self._working_bytes = model, k, working_bytes
        self._plain = few
        self._zero_bias = not item_bias.any()
        self._lock = threading.Lock()
        self._whole: _Whole | _InTwo | Selecting | None = None
        self._beyond = np.array([], dtype=np.int64)
        self._screening: Screening | None = None
        self._head: InferenceSession | None = None
        self.pooled: int | None = None
        """d of the embeddings that are gathered piece by piece; None where they are not."""
        self.candidates: int | None = None
        """How many items `run_screened` looks at first; None where there is no screen."""
        if not few and screen is not False and _bounded(item_bias):
            self._make_screen(forced=screen is True)
        if self._screening is None:
            self._made_whole()

    def run(self, feeds: Feeds, pieces: Sequence[Piece] = ()) -> Found:
        """int64[B, >= k] items, float32[B, >= k] scores of B rows. Raises onnxruntime's errors, ModelError.

        pieces: all rows of the batch; read where `pooled` is set.
        """
        graph = self._made_whole()
        if len(self._beyond):
            rows = len(feeds["exclude"])
            columns = np.broadcast_to(self._beyond, (rows, len(self._beyond)))
            feeds = feeds | {"exclude": np.concatenate([feeds["exclude"], columns], axis=1)}
        if isinstance(graph, Selecting):
            return graph.run(feeds, pieces)
        items, scores = graph.run(["items", "scores"], feeds, pieces)
        return items, scores

    def run_screened(self, feeds: Feeds, pieces: Sequence[Piece] = ()) -> tuple[Found, npt.NDArray[np.bool_]]:
        """The same by the screen, and bool[B]: whether a row's list is known to be what `run` gives."""
        assert self._screening is not None
        return self._screening.run(feeds, pieces)

    def _make_screen(self, *, forced: bool) -> None:
        form = exact_form() if forced else quick_form()
        if form is None:
            return
        made = self._model.screened(self._k, form=form, forced=forced)
        # Last, for it takes a session to find out.
        if made is not None and adds_up(form):
            self.candidates = made.candidates
            bounds = self._start(made.bounds)
            self._screening = Screening(made, bounds.run, self._best_of_blocks(), self._session(made.exact, None))

    def _best_of_blocks(self) -> InferenceSession:
        return self._session(Edited(best_of_blocks(), {}), None)

    def _made_whole(self) -> _Whole | _InTwo | Selecting:
        """What scores every item in float32, made when it is first needed."""
        with self._lock:
            if self._whole is None:
                unbiased = self._model.unbiased() if self._zero_bias and not self._plain else None
                if unbiased is not None:
                    self._beyond = np.array(unbiased.beyond, dtype=np.int64)
                self._whole = self._selecting(unbiased) or self._start(unbiased, top_k=self._k)
            return self._whole

    def _selecting(self, graph: Edited | None) -> Selecting | None:
        """None where the graph does better, or has another end."""
        made = None if self._plain else self._model.scored(graph)
        if made is None or (made.ranked is None and self._k < _LONG):
            return None
        scores = self._start(made.graph)
        rest = None
        if made.ranked is not None:
            types = {one.name: one.type for one in scores.session.get_outputs()}
            ranked = made.ranked.graph(types)
            if ranked is None:
                return None
            rest = Rest(made.ranked, self._session(ranked, self._k))
        return Selecting(made, scores.run, self._best_of_blocks(), self._k, rest)

    def _start(self, graph: Edited | None, top_k: int | None = None) -> _Whole | _InTwo:
        parts = None if self._plain else self._model.in_two(graph)
        if parts is None:
            return _Whole(self._session(graph, top_k))
        if self._head is None:
            self._head, self.pooled = self._session(parts.head, None), parts.pooling.width
        return _InTwo(parts, self._head, self._session(parts.tail, top_k))

    def _session(self, graph: Edited | None, top_k: int | None) -> InferenceSession:
        return self._model.session(threads=1, top_k=top_k, working_bytes=self._working_bytes, graph=graph)


class _Whole:
    """A graph in one session."""

    def __init__(self, session: InferenceSession) -> None:
        self.session = session
        """Of the outputs."""
        self._inputs = {one.name for one in session.get_inputs()}

    def run(self, names: list[str], feeds: Feeds, pieces: Sequence[Piece]) -> list[npt.NDArray[Any]]:
        del pieces
        # A part of a graph may do without some of its inputs.
        given = {name: values for name, values in feeds.items() if name in self._inputs}
        found: list[npt.NDArray[Any]] = self.session.run(names, given)
        return found


class _InTwo:
    """A graph whose histories are summed up piece by piece, in a session of its own."""

    def __init__(self, parts: InTwo, head: InferenceSession, tail: InferenceSession) -> None:
        self._name, self._inputs, self._tail_inputs = parts.pooling.name, parts.head_inputs, parts.tail_inputs
        self._head, self.session = head, tail

    def run(self, names: list[str], feeds: Feeds, pieces: Sequence[Piece]) -> list[npt.NDArray[Any]]:
        pooled = np.concatenate([self._pooled(feeds, piece) for piece in pieces])
        given = {name: feeds[name] for name in self._tail_inputs}
        found: list[npt.NDArray[Any]] = self.session.run(names, given | {self._name: pooled})
        return found

    def _pooled(self, feeds: Feeds, piece: Piece) -> npt.NDArray[Any]:
        rows = {name: feeds[name][piece.start : piece.end, : piece.length] for name in self._inputs}
        pooled: npt.NDArray[Any] = self._head.run([self._name], rows)[0]
        return pooled


def _bounded(item_bias: Float32) -> bool:
    """Whether the bias only leaves items or removes them: a bound is in each user's own unit, a boost is not."""
    return bool(((item_bias == 0) | np.isneginf(item_bias)).all())
