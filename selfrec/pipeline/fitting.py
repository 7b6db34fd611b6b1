"""What a trainer is given: the training rows, the stages before it, and epochs that look after themselves."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from selfrec.catalog import Catalog
from selfrec.errors import PluginError
from selfrec.histories import Float32, Histories, Holdout
from selfrec.host.records import Sizes
from selfrec.pipeline.batch import UserBatch
from selfrec.pipeline.checkpoint import Checkpoint
from selfrec.pipeline.features import Features
from selfrec.pipeline.keepers import keepers_of
from selfrec.pipeline.measure import measure, rank_all
from selfrec.pipeline.parts import Part
from selfrec.pipeline.plugin_numbers import whole
from selfrec.pipeline.remedies import against_infinity
from selfrec.pipeline.seeding import seed_all

Notify = Callable[[Part, int, Mapping[str, float]], None]
Validate = Callable[[], Mapping[str, float]]


@dataclass
class Epoch:
    """One pass over the training rows. The body of the loop trains and then calls `report`."""

    number: int
    """Counted from 1."""
    limit: int
    """The last epoch's number unless training stops early."""
    rng: np.random.Generator
    """Draws of this epoch; depends on the part's seed and the epoch alone, so a resumed fit draws the same."""
    metrics: dict[str, float] = field(default_factory=dict)

    def report(self, *, loss: float, **figures: float) -> None:
        """Give the epoch's mean loss and any other figures; they are kept as curves and told to the epoch hook."""
        self.metrics = {"loss": float(loss), **{name: float(value) for name, value in figures.items()}}


@dataclass(frozen=True)
class CandidateRows:
    """What a ranker learns from: candidates as the stages before it gave them on items they did not see."""

    inputs: Histories
    """R histories with their hidden items taken out."""
    candidates: npt.NDArray[np.int64]
    """int64[R, C] item numbers, sorted; N where fewer were left."""
    scores: npt.NDArray[np.float32]
    """float32[R, C, G] each generator's score times its weight; their sum chose the candidates."""
    labels: npt.NDArray[np.float32]
    """float32[R, C] 1 where the candidate was hidden, else 0."""


@dataclass
class _Loop:
    """Where the loop over epochs stands."""

    module: nn.Module
    keepers: Mapping[str, Any]
    """What a checkpoint holds."""
    best: float
    best_state: dict[str, Tensor]
    open: Epoch | None = None
    """The epoch that the trainer is in."""

    def end(self) -> None:
        """Put the best epoch's weights into the module."""
        self.open = None
        if self.best_state:
            self.module.load_state_dict(self.best_state)
        self.module.eval()


@dataclass(kw_only=True)
class Fitting:
    """All that a trainer may use. The rows are sparse; dense [users, items] arrays do not exist."""

    part: Part
    sizes: Sizes
    histories: Histories
    """Training rows."""
    validation: Holdout | None
    """Rows to choose on; None while the chosen pipeline is refitted."""
    catalog: Catalog
    seed: int
    """The part's own seed."""
    device: torch.device
    features_of: Features
    """Frozen features of the extractors, float32[B, F]; width 0 while extractors are trained."""
    notify: Notify
    checkpoint: Checkpoint
    fixed_epochs: int | None = None
    """Epochs to run in a refit: as many as the selection found best."""
    half_lives: tuple[float, ...] = ()
    """Of popularity, in days: what ranks best alone (see `recent_popularity`); empty where no age is known."""
    item_features: Float32 | None = None
    """float32[N, I] the item columns as numbers, 0 where unknown; None where there are none."""
    warm_started: bool = False
    """The module carries the weights of an earlier model already: a trainer does not initialise it."""
    chosen_state: Mapping[str, Tensor] | None = None
    """In a refit that may go on from it: the part's state as it was chosen, on fewer rows. A trainer may ignore it."""
    candidate_rows: CandidateRows | None = None
    """Rankers only."""
    validate: Validate | None = None
    """Overrides the validation metric (rankers are measured through the whole pipeline)."""
    curves: list[dict[str, float]] = field(default_factory=list)
    best_epoch: int = 0
    _loop: _Loop | None = field(default=None, init=False, repr=False)

    @property
    def options(self) -> Any:
        """The part's options, an instance of its options class."""
        return self.part.options

    def batch(self, rows: npt.ArrayLike) -> UserBatch:
        """Training rows (int[B]) as tensors on the device."""
        return UserBatch.of(self.histories, rows, device=self.device)

    def batches(self, size: int, epoch: Epoch) -> Iterator[UserBatch]:
        """All training rows in the epoch's own order, `size` users at a time."""
        for rows in self.row_batches(size, epoch):
            yield self.batch(rows)

    def row_batches(self, size: int, epoch: Epoch, *, rows: int | None = None) -> Iterator[npt.NDArray[np.int64]]:
        """Row numbers int64[<= size] of all training rows (or of 0..rows-1) in the epoch's own order."""
        size = whole(size, "the size of its batches", self.part, least=1)
        order = epoch.rng.permutation(len(self.histories) if rows is None else rows)
        for start in range(0, len(order), size):
            yield order[start : start + size]

    def features(self, batch: UserBatch) -> Tensor:
        """Features float32[B, F] of the extractors before this part; they do not learn from it."""
        with torch.no_grad():
            return self.features_of(batch)

    def epochs(
        self, module: nn.Module, count: int, *, state: Mapping[str, Any] | None = None, patience: int | None = None
    ) -> Iterator[Epoch]:
        """Epochs 1..count, each closed by validation, the epoch hook and a checkpoint.

        `state` names what else must survive a killed fit: optimizers, schedulers, second networks: anything with
        state_dict and load_state_dict. Stops after `patience` epochs without a better validation metric and leaves
        the best epoch's weights in the module. In a refit runs exactly the number of epochs found best. The epoch in
        which a trainer leaves the loop, by `break` or `return`, is the last one. A training has one such loop.
        """
        if self._loop is not None:
            raise PluginError(
                f"{self.part.name}: its trainer calls fitting.epochs a second time; the contract wants one loop, which "
                "is what a killed fit goes on in: tell phases by epoch.number"
            )
        count = whole(count, "the count of fitting.epochs", self.part)
        patience = None if patience is None else whole(patience, "the patience of fitting.epochs", self.part)
        keepers = keepers_of(module, state, self.part)
        saved = self.checkpoint.restore(keepers)
        self.curves, self.best_epoch = saved.curves, saved.best_epoch
        loop = self._loop = _Loop(module, keepers, saved.best, saved.best_state)
        limit = count if self.fixed_epochs is None else min(count, self.fixed_epochs)
        for number in range(len(self.curves) + 1, limit + 1):
            if self._out_of_patience(number, patience):
                break
            module.train()
            seed_all((self.seed * 1_000_003 + number) % 2**63)
            loop.open = Epoch(number, count, np.random.default_rng([self.seed, number]))
            yield loop.open
            self._end_epoch(loop)
        loop.end()

    def leave(self) -> None:
        """End the loop that a trainer has left by `break` or `return`; an epoch that it gave no loss does not count."""
        loop = self._loop
        if loop is not None and loop.open is not None:
            if loop.open.metrics:
                self._end_epoch(loop)
            loop.end()

    def _end_epoch(self, loop: _Loop) -> None:
        """Validate, keep the weights if they are the best so far, and write the checkpoint."""
        epoch = loop.open
        assert epoch is not None
        value = self._close(loop.module, epoch)
        loop.open = None
        if value > loop.best or self.validation is None:
            loop.best, self.best_epoch = value, epoch.number
            loop.best_state = {key: tensor.detach().clone() for key, tensor in loop.module.state_dict().items()}
        self.checkpoint.save(loop.keepers, self.curves, loop.best, self.best_epoch, loop.best_state)

    def _out_of_patience(self, number: int, patience: int | None) -> bool:
        watched = self.validation is not None and patience is not None and self.best_epoch > 0
        return watched and number - 1 - self.best_epoch >= (patience or 0)

    def _close(self, module: nn.Module, epoch: Epoch) -> float:
        """Check, validate and tell; returns the figure that the best epoch is chosen by, higher is better."""
        name = self.part.name
        if not epoch.metrics:
            raise PluginError(f"{name}: epoch {epoch.number} ended without `epoch.report(loss=...)`")
        for figure, number in epoch.metrics.items():
            if not math.isfinite(number):
                raise PluginError(
                    f"{name}: {figure} is {number} in epoch {epoch.number}; the contract wants finite losses: "
                    f"{against_infinity(self.part.options, self.part.key)}"
                )
        module.eval()
        if self.validation is not None:
            epoch.metrics.update(self._validation_metrics())
        self.curves.append(dict(epoch.metrics))
        self.notify(self.part, epoch.number, epoch.metrics)
        return epoch.metrics.get("ndcg@20", -epoch.metrics["loss"])

    def _validation_metrics(self) -> Mapping[str, float]:
        if self.validate is not None:
            return self.validate()
        if self.validation is None or not self.part.scores_items:
            return {}
        part, items = self.part, self.sizes.items
        # An extractor is measured by its other face, which sees the extractor's own features.
        features = Features([part]) if part.kind == "extractor" else self.features_of

        def score(batch: UserBatch) -> Tensor:
            return features.generate(part, batch, items)

        ranked = rank_all(score, self.validation, self.device)
        metrics = measure(ranked, self.validation.targets).metrics
        return {name: metrics[name] for name in ("ndcg@20", "recall@20")}
