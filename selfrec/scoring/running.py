"""Runs a model's graph in the form that suits the job: screened, without a bias of zeros, in two, or as it stands."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from selfrec.graph_rewrites.edited import Edited
from selfrec.graph_rewrites.screen import best_of_blocks, width_of_blocks
from selfrec.histories import Float32
from selfrec.scoring.batches import Piece
from selfrec.scoring.blocks import Blocks
from selfrec.scoring.processor import adds_up, exact_form, quick_form
from selfrec.scoring.screening import Screening
from selfrec.scoring.selecting import RankerTail, Selecting
from selfrec.scoring.sessions import Feeds, Found, OneSession, PooledSession, Sessions

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

    from selfrec.model_folder.reading import Model

_LONG = 20
"""Lists from this length on are selected by numpy: shorter ones cost less in the graph [measured], unless a sparse
generator adds to their scores."""


class GraphRunner:
    """Sessions of one model; `run` may be called from several threads at once."""

    def __init__(
        self, model: Model, k: int, item_bias: Float32, *, working_bytes: int, few: bool, screen: bool | None
    ) -> None:
        """few: the graph is taken as it stands, which starts sooner. screen: None where it gains, True where it can be.

        Raises ModelError.
        """
        self._model, self._k, self._working_bytes = model, k, working_bytes
        self._as_it_stands = few
        self._zero_bias = not item_bias.any()
        self._lock = threading.Lock()
        self._unscreened: Sessions | Selecting | None = None
        self._padding_columns = np.array([], dtype=np.int64)
        self._screening: Screening | None = None
        self._head: InferenceSession | None = None
        self.pooled: int | None = None
        """d of the embeddings that are gathered piece by piece; None where they are not."""
        self.candidates: int | None = None
        """How many items `run_screened` looks at first; None where there is no screen."""
        if not few and screen is not False and _only_removes(item_bias):
            self._make_screen(forced=screen is True)
        if self._screening is None:
            self._unscreened_graph()

    def run(self, feeds: Feeds, pieces: Sequence[Piece] = ()) -> Found:
        """int64[B, >= k] items, float32[B, >= k] scores of B rows. Raises onnxruntime's errors, ModelError.

        pieces: all rows of the batch; read where `pooled` is set.
        """
        graph = self._unscreened_graph()
        if len(self._padding_columns):
            rows = len(feeds["exclude"])
            columns = np.broadcast_to(self._padding_columns, (rows, len(self._padding_columns)))
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
        screened = self._model.screened(self._k, form=form, forced=forced)
        # Last, for it takes a session to find out.
        if screened is not None and adds_up(form):
            self.candidates = screened.candidates
            bounds, exact = self._start(screened.bounds), OneSession(self._session(screened.exact, None))
            self._screening = Screening(screened, bounds, self._blocks(screened.candidates), exact)

    def _blocks(self, count: int) -> Blocks:
        """For `count` of all items."""
        width = width_of_blocks(self._model.n_items, count)
        return Blocks(width, OneSession(self._session(Edited(best_of_blocks(width), {}), None)))

    def _unscreened_graph(self) -> Sessions | Selecting:
        """What scores every item in float32, made when it is first needed."""
        with self._lock:
            if self._unscreened is None:
                unbiased = self._model.unbiased() if self._zero_bias and not self._as_it_stands else None
                if unbiased is not None:
                    self._padding_columns = np.array(unbiased.padding_columns, dtype=np.int64)
                self._unscreened = self._selecting(unbiased) or self._start(unbiased, top_k=self._k)
            return self._unscreened

    def _selecting(self, graph: Edited | None) -> Selecting | None:
        """None where the graph does better, or has another end."""
        scored = None if self._as_it_stands else self._model.scored(graph)
        if scored is None or not (scored.ranked or scored.added or self._k >= _LONG):
            return None
        scores = self._start(scored.graph)
        tail = None
        if scored.ranked is not None:
            ranked = scored.ranked.graph(scores.types)
            if ranked is None:
                return None
            product_graph = scored.ranked.product_graph()
            products = None if product_graph is None else OneSession(self._session(product_graph, None))
            tail = RankerTail(scored.ranked, OneSession(self._session(ranked, self._k)), products)
        count = self._k if scored.ranked is None else scored.ranked.candidates
        return Selecting(scored, scores, self._blocks(count), self._k, tail)

    def _start(self, graph: Edited | None, top_k: int | None = None) -> Sessions:
        parts = None if self._as_it_stands else self._model.in_two(graph)
        if parts is None:
            return OneSession(self._session(graph, top_k))
        if self._head is None:
            self._head, self.pooled = self._session(parts.head, None), parts.pooling.width
        return PooledSession(parts, self._head, self._session(parts.tail, top_k))

    def _session(self, graph: Edited | None, top_k: int | None) -> InferenceSession:
        return self._model.session(threads=1, top_k=top_k, working_bytes=self._working_bytes, graph=graph)


def _only_removes(item_bias: Float32) -> bool:
    """Whether the bias only leaves items or removes them: a bound is in each user's own unit, a boost is not."""
    return bool(((item_bias == 0) | np.isneginf(item_bias)).all())
