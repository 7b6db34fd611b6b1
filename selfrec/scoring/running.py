"""Runs a model's graph in the form that suits the job: screened, without a bias of zeros, or as it stands."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from selfrec.histories import Float32
from selfrec.model_folder.screen import CANDIDATES, SURE
from selfrec.scoring.processor import adds_bytes_exactly, multiplies_bytes

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

    from selfrec.model_folder.reading import Model

Feeds = dict[str, npt.NDArray[Any]]
Found = tuple[npt.NDArray[Any], npt.NDArray[Any]]
"""Items and scores as a graph gives them."""


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
        self._session: InferenceSession | None = None
        self._beyond = np.array([], dtype=np.int64)
        self._screen: InferenceSession | None = None
        self.screens: tuple[int, ...] = ()
        """How many candidates `run_screened` may be asked for, the fewest first; empty where there is no screen."""
        if not few and screen is not False and _bounded(item_bias):
            self._make_screen(forced=screen is True)
        if self._screen is None:
            self._whole()

    def stand_in(self, session: Any) -> None:
        """Let this be run instead of the session that runs first: to look into what it does."""
        if self.screens:
            self._screen = session
        else:
            self._session = session

    def run(self, feeds: Feeds) -> Found:
        """int64[B, >= k] items, float32[B, >= k] scores of B rows. Raises onnxruntime's errors, ModelError."""
        session = self._whole()
        if len(self._beyond):
            rows = len(feeds["exclude"])
            columns = np.broadcast_to(self._beyond, (rows, len(self._beyond)))
            feeds = feeds | {"exclude": np.concatenate([feeds["exclude"], columns], axis=1)}
        items, scores = session.run(["items", "scores"], feeds)
        return items, scores

    def run_screened(self, feeds: Feeds, candidates: int) -> tuple[Found, npt.NDArray[np.bool_]]:
        """The same by the screen, and bool[B]: whether a row's list is known to be what `run` gives.

        candidates: one of `screens`; more of them make more rows sure.
        """
        assert self._screen is not None
        feeds = feeds | {CANDIDATES: np.array([candidates])}
        items, scores, sure = self._screen.run(["items", "scores", SURE], feeds)
        return (items, scores), sure[:, 0]

    def _make_screen(self, *, forced: bool) -> None:
        made = self._model.screened(self._k, forced=forced) if forced or multiplies_bytes() else None
        # Last, for it takes a session to find out.
        if made is not None and adds_bytes_exactly():
            self.screens = made.candidates
            self._screen = self._model.session(threads=1, working_bytes=self._working_bytes, graph=made)

    def _whole(self) -> InferenceSession:
        """The session that scores every item in float32, made when it is first needed."""
        with self._lock:
            if self._session is None:
                unbiased = self._model.unbiased() if self._zero_bias and not self._plain else None
                if unbiased is not None:
                    self._beyond = np.array(unbiased.beyond, dtype=np.int64)
                self._session = self._model.session(
                    threads=1,
                    top_k=self._k,
                    working_bytes=self._working_bytes,
                    graph=unbiased,
                )
            return self._session


def _bounded(item_bias: Float32) -> bool:
    """Whether the bias only leaves items or removes them: a bound is in each user's own unit, a boost is not."""
    return bool(((item_bias == 0) | np.isneginf(item_bias)).all())
