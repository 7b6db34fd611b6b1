"""The kernel: histories in, lists out. Cuts users into batches, runs the graph, checks what comes back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from selfrec.cores import available_cores
from selfrec.errors import ModelError, one_line
from selfrec.graph.session import WORKING_BYTES
from selfrec.histories import Float32, Histories, Int64
from selfrec.scoring.batches import SLOTS, SLOTS_IN_PIECES, Batch, Piece, Slots, check_numbers, pieces, plan_batches
from selfrec.scoring.lengths import check_length
from selfrec.scoring.running import GraphRunner
from selfrec.scoring.sessions import Feeds
from selfrec.scoring.workers import Workers
from selfrec.settings.tables import ScoringSettings

if TYPE_CHECKING:
    from selfrec.model_folder.reading import Model

NEVER = np.float32("-inf")

_LIVE_TENSORS = 24
"""Score matrices [B, N], or as much, that a graph may hold at a time in one run."""


class Lists(NamedTuple):
    """U users' lists, best first. Empty places come last and hold item number N and score -inf."""

    items: Int64
    """int64[U, k] item numbers."""
    scores: Float32
    """float32[U, k]."""


class Scorer:
    """Runs a model's graph over any number of users.

    Batches run side by side, one core each: no operation waits for a second core, and reading and
    writing go on beside them. The cut into batches depends on the users alone, so the same users give the same
    bytes on any number of threads.
    """

    def __init__(
        self,
        model: Model,
        settings: ScoringSettings | None = None,
        *,
        item_bias: Float32 | None = None,
        few: bool = False,
    ) -> None:
        """item_bias: float32[N] added to every item's score, -inf removes the item; 0 when None. few: few users are
        scored, so that the graph is taken as it stands, which starts sooner.

        Raises SettingsError when settings.k exceeds the model's K.
        """
        settings = ScoringSettings(k=min(ScoringSettings().k, model.top_k)) if settings is None else settings
        check_length(model, settings.k)
        self.k = settings.k
        self.repeats = settings.repeats
        self._model = model
        self._batch_bytes = settings.batch_megabytes * 1_000_000
        self.threads = settings.threads or available_cores()
        self._workers: Workers[Batch] = Workers(self.threads)
        # A few dozen tensors of a batch's size a thread; a graph that wants more is no recommender of this size.
        working = _LIVE_TENSORS * self.threads * max(self._batch_bytes, 4 * model.n_items)
        self._bias = np.zeros(model.n_items, dtype=np.float32) if item_bias is None else item_bias
        if self._bias.shape != (model.n_items,):
            raise ValueError(f"item_bias has shape {self._bias.shape}, not ({model.n_items},)")
        self.runner = GraphRunner(
            model, self.k, self._bias, working_bytes=WORKING_BYTES + working, few=few, screen=settings.screen
        )

    def score(
        self, histories: Histories, exclude: Histories | None = None, *, on_users: Callable[[int], None] | None = None
    ) -> Lists:
        """The lists of U users.

        exclude: items each user must not get, over the same users; the histories when None; without effect where
        settings.repeats. on_users: told, from any thread, how many further users are done.
        Raises ModelError when the graph fails or gives scores that are no numbers.
        """
        n_items, users = self._model.n_items, len(histories)
        exclude = histories if exclude is None else exclude
        self._check(histories, exclude)
        lists = Lists(
            np.full((users, self.k), n_items, dtype=np.int64), np.full((users, self.k), NEVER, dtype=np.float32)
        )
        lengths = histories.lengths
        excluded = np.zeros(users, dtype=np.int64) if self.repeats else exclude.lengths
        slots = Slots(histories)
        exclude_slots = slots if exclude is histories else Slots(exclude)

        def run(batch: Batch, *, screened: bool) -> None:
            feeds = self._feeds(batch, slots, exclude_slots, histories.user_features)
            count = len(batch.users)
            parts = () if self.runner.pooled is None else pieces(batch, lengths, self.runner.pooled)
            (items, scores), sure = self._run(feeds, parts, count, screened=screened)
            left = batch.users[sure]
            lists.items[left], lists.scores[left] = items[sure], scores[sure]
            done[left] = True
            if on_users is not None and len(left):
                on_users(len(left))

        done = np.zeros(users, dtype=np.bool_)
        for screened in (False,) if self.runner.candidates is None else (True, False):
            asked = np.flatnonzero(~done)
            most = SLOTS if self.runner.pooled is None else SLOTS_IN_PIECES
            batches = plan_batches(lengths[asked], excluded[asked], n_items, self._batch_bytes, most)
            self._workers.run_all(
                partial(run, screened=screened), [replace(batch, users=asked[batch.users]) for batch in batches]
            )
        return lists

    def recommend(self, histories: Histories, seen: Histories) -> Int64:
        """int64[U, k] item numbers, N in empty places: the form in which models are evaluated."""
        return self.score(histories, seen).items

    def _check(self, histories: Histories, exclude: Histories) -> None:
        n_items, users = self._model.n_items, len(histories)
        if histories.n_items != n_items or exclude.n_items != n_items or len(exclude) != users:
            raise ValueError(
                f"histories of {users} users and {histories.n_items} items, exclude of {len(exclude)} users, "
                f"a model of {n_items} items"
            )
        check_numbers(histories.items, n_items)
        check_numbers(exclude.items, n_items)

    def stop(self) -> None:
        """Have every call that is under way end after the batches that run now, with a RuntimeError. For good."""
        self._workers.stop()

    def _feeds(self, batch: Batch, slots: Slots, exclude: Slots, features: Float32 | None) -> Feeds:
        places = slots.places(batch.users, batch.rows, batch.length)
        history = slots.items(places)
        feeds: Feeds = {"history": history, "weights": slots.weights(places)}
        if self.repeats:
            feeds["exclude"] = np.full((batch.rows, 1), self._model.n_items, dtype=np.int64)
        elif exclude is slots and batch.excluded == batch.length:
            feeds["exclude"] = history
        else:
            feeds["exclude"] = exclude.items(exclude.places(batch.users, batch.rows, batch.excluded))
        feeds["item_bias"] = self._bias
        if "ages" in self._model.extra_inputs:
            feeds["ages"] = slots.ages(places)
        if "user_features" in self._model.extra_inputs:
            width = self._model.surface.user_features
            feeds["user_features"] = np.zeros((batch.rows, width), dtype=np.float32)
            if features is not None:
                feeds["user_features"][: len(batch.users)] = features[batch.users]
        return feeds

    def _run(
        self, feeds: Feeds, parts: Sequence[Piece], users: int, *, screened: bool
    ) -> tuple[Lists, npt.NDArray[np.bool_]]:
        """The checked lists of the first `users` rows, and which of them are to be kept: all, unless screened."""
        sure = np.ones(users, dtype=np.bool_)
        try:
            if screened:
                (items, scores), sure = self.runner.run_screened(feeds, parts)
            else:
                items, scores = self.runner.run(feeds, parts)
        except Exception as error:  # onnxruntime raises many classes of its own.
            if "Available memory of" in str(error):
                raise ModelError(
                    f"model {str(self._model.path)!r} asks for more memory than batches of "
                    f"{self._batch_bytes // 1_000_000} MB need; if you trust it, raise scoring.batch_megabytes"
                ) from error
            raise self._wrong(f"fails in onnxruntime ({one_line(error)[:300]})") from error
        items, scores = items[:users, : self.k], scores[:users, : self.k]
        if items.shape != (users, self.k) or scores.shape != (users, self.k):
            raise self._wrong(f"gives lists of shape {items.shape}, not ({users}, {self.k})")
        sure = sure[:users]
        # What is not sure is asked for again: there a list that is no list is an error.
        scores[~sure] = NEVER
        left = scores > NEVER
        if not np.isfinite(scores[left]).all() or np.isnan(scores).any():
            raise self._wrong("gives scores that are no numbers (NaN or infinite)")
        items = np.where(left, items, self._model.n_items)
        if int(items.min(initial=0)) < 0 or int(items.max(initial=0)) > self._model.n_items:
            raise self._wrong(f"gives item numbers outside 0..{self._model.n_items - 1}")
        return Lists(items, scores), sure

    def _wrong(self, what: str) -> ModelError:
        return ModelError(f"model {str(self._model.path)!r} {what}; fit it again")
