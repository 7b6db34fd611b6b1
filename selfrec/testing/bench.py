"""The bench: one part in a pipeline of its own, trained on the checkerboard as `fit` would train it."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import torch
from onnx import ModelProto
from torch import Tensor

from selfrec.catalog import Catalog
from selfrec.export.graph import to_graph
from selfrec.histories import Float32, Histories
from selfrec.host.records import Kind, PartRecord
from selfrec.pipeline.checkpoint import WorkFolder
from selfrec.pipeline.chosen import Chosen
from selfrec.pipeline.fitting import Notify
from selfrec.pipeline.listener import Silent
from selfrec.pipeline.part_training import PartTrainer
from selfrec.pipeline.parts import Part
from selfrec.pipeline.pipeline_training import SELECTION
from selfrec.pipeline.recommender import Recommender
from selfrec.pipeline.stages import StageTrainer
from selfrec.plugin import UserBatch
from selfrec.settings.tables import Config
from selfrec.testing.checkerboard import checkerboard
from selfrec.testing.companions import BLIND, FEATURES, READOUT, nothing

ITEMS = 20
USERS = 120
LIST = 5
"""K of the bench's pipeline."""
CANDIDATES = 14
"""C. Fewer than the items, so that a ranker cannot take the place of a candidate for its number."""
COLUMNS = 2
"""U and I: columns of users and of items as numbers. They are noise, so that what is learned comes from histories."""
SLOW = 5.0
"""Seconds an epoch, or a training in closed form, from which the kit says so. The slowest shipped part takes 2."""
LAST = torch.arange(ITEMS - CANDIDATES, ITEMS)
"""The candidates that rankers are asked for: int64[C], the last items."""


class _Killed(BaseException):
    """Ends a training as a signal would. No Exception, so that no trainer takes it for a failure."""


def _nobody(part: Part, epoch: int, metrics: Mapping[str, float]) -> None:
    """Nobody is told of an epoch."""


@dataclass
class Fitted:
    """A training of the part, and the pipeline that it became a part of."""

    stages: StageTrainer
    chosen: Chosen
    part: Part
    recommender: Recommender
    seconds: float
    """What the training took, and that of all it needs before it."""

    @property
    def cost(self) -> str:
        """What the training costs, where it is so slow that its author should know; else empty."""
        curves = (len(trained.curves) for trained in self.stages.parts.trained.values())
        epochs = max(curves, default=0)
        each = self.seconds / max(1, epochs)
        if each < SLOW:
            return ""
        if not epochs:
            return f"slow: training takes {each:,.0f} s for {USERS} users and {ITEMS} items"
        hours = each * 100_000 / USERS / 3600
        return (
            f"slow: {each:,.0f} s an epoch of {USERS} users; at that pace one of 100,000 users takes {hours:,.1f} hours"
        )

    @property
    def losses(self) -> list[float]:
        """The loss of every epoch; empty for a part in closed form."""
        trained = self.stages.parts.trained.get((SELECTION, self.part.key))
        return [] if trained is None else [epoch["loss"] for epoch in trained.curves]

    @cached_property
    def graph(self) -> ModelProto:
        """The pipeline as it was first exported."""
        return to_graph(self.recommender)


@dataclass(frozen=True)
class _Records:
    records: Mapping[tuple[Kind, str], PartRecord]

    def get(self, kind: Kind, name: str) -> PartRecord:
        return self.records[kind, name]


@dataclass
class Bench:
    """A part under test.

    options: of the part. beside: other records of the plugin; an extractor and a generator of one name and one
    `build` are two faces of one module and are tested together, as `fit` uses them.
    """

    record: PartRecord
    options: Mapping[str, Any] = field(default_factory=dict)
    beside: Iterable[PartRecord] = ()

    def __str__(self) -> str:
        return f"{self.record.kind} {self.record.name}"

    @property
    def rows(self) -> Histories:
        """Training rows: user u has 8 of the 10 items of u's own parity, a day apart, and columns that are noise."""
        rows = checkerboard(USERS, ITEMS, share=0.8)
        ages = rows.offsets[1:][rows.row_numbers] - np.arange(len(rows.items)) - 1
        return replace(rows, ages=ages.astype(np.float32), user_features=_noise(USERS))

    @property
    def catalog(self) -> Catalog:
        """The items, with columns that parts may read: `title` and `group` (text), `price`, `embedding` (a vector)."""
        numbers = pa.array(range(ITEMS), pa.int32())
        colours = ["white", "black"] * (ITEMS // 2)
        rng = np.random.default_rng(0)
        colour = np.where(np.arange(ITEMS) % 2 == 0, 1.0, -1.0)
        vectors = np.stack([colour, *rng.normal(size=(3, ITEMS))], axis=1)
        given = {
            "title": pa.array([f"{colour} thing {number}" for number, colour in enumerate(colours)]),
            "group": pa.array(colours),
            "price": pa.array(1.0 + colour + rng.random(ITEMS)),
            "embedding": pa.array(vectors.tolist(), pa.list_(pa.float32())),
        }
        popularity = pa.array(self.rows.item_counts(), pa.float32())
        return Catalog(pa.table({"item_number": numbers, "item_id": numbers, "popularity": popularity, **given}))

    @cached_property
    def fitted(self) -> Fitted:
        """The part trained once; checks that only look share it."""
        return self.fit()

    def fit(self, seed: int = 0) -> Fitted:
        """Train the part, and everything it needs before it, with this seed."""
        return self._fit(self._trainer(seed))

    def resumed(self) -> tuple[int, Fitted] | None:
        """The part after a training that was killed in its middle and gone on with, and the epoch it was killed in.

        None for a part of less than two epochs, of which no half could be kept.
        """
        killed_in = len(self.fitted.losses) // 2 + 1
        if killed_in < 2:
            return None

        def kill(part: Part, epoch: int, metrics: Mapping[str, float]) -> None:
            if epoch == killed_in and part.key == self.fitted.part.key:
                raise _Killed

        with tempfile.TemporaryDirectory() as folder:
            kept = WorkFolder(Path(folder), every=0.0)
            with suppress(_Killed):
                self._fit(self._trainer(0, kept, kill))
            return killed_in, self._fit(self._trainer(0, kept))

    def _fit(self, trainer: PartTrainer) -> Fitted:
        stages = StageTrainer(trainer, torch.linspace(1, 0.5, ITEMS))
        started = time.perf_counter()
        with torch.random.fork_rng(devices=[]):
            chosen = stages.select(self.rows, None)
        seconds = time.perf_counter() - started
        return Fitted(stages, chosen, self._own(chosen), stages.recommender(chosen), seconds)

    def untrained(self) -> Bench:
        """The same part as it is built."""
        beside = [replace(record, trainer=nothing) for record in self.beside]
        return Bench(replace(self.record, trainer=nothing), self.options, beside)

    def outputs(self, fitted: Fitted, batch: UserBatch, candidates: Tensor = LAST) -> Tensor:
        """What the part gives for a batch: [B, F], [B, N], or [B, C] for these candidates, int64[C]."""
        recommender = fitted.recommender
        with torch.no_grad():
            if self.record.kind == "extractor":
                return fitted.part.extract(batch)
            features = recommender.features(batch)
            if self.record.kind == "generator":
                own = next((p for p in fitted.chosen.extractors if p.module is fitted.part.module), None)
                return fitted.part.generate(batch, features if own is None else own.extract(batch), ITEMS)
            each = candidates.repeat(len(batch.history), 1)
            scores = recommender.candidate_scores(batch, each, torch.ones_like(each, dtype=torch.bool))
            return fitted.part.rank(batch, features, each, scores)

    def _own(self, chosen: Chosen) -> Part:
        return next(p for p in chosen.parts if (p.kind, p.record.name) == (self.record.kind, self.record.name))

    def _trainer(self, seed: int, kept: WorkFolder | None = None, notify: Notify = _nobody) -> PartTrainer:
        records = {(r.kind, r.name): r for r in (FEATURES, READOUT, BLIND, *self.beside, self.record)}
        return PartTrainer(
            config=self.config(seed),
            records=_Records(records),
            catalog=self.catalog,
            work_folder=kept or WorkFolder(None),
            listener=Silent(),
            notify=notify,
            device=torch.device("cpu"),
            item_features=_noise(ITEMS),
        )

    def config(self, seed: int) -> Config:
        """The configuration of the bench's pipeline."""
        name, kind = self.record.name, self.record.kind
        pipeline: dict[str, Any] = {"keep": "all", "top_k": LIST, "candidates": CANDIDATES}
        if kind == "extractor":
            pipeline |= {"extractors": [name], "generators": [name if self._two_faces() else READOUT.name]}
        elif kind == "generator":
            pipeline |= {"extractors": [name if self._two_faces() else FEATURES.name], "generators": [name]}
        else:
            pipeline |= {"extractors": [FEATURES.name], "generators": [BLIND.name], "ranker": name}
        tables = {kind: {name: dict(self.options)}} if self.options else {}
        return Config.model_validate({"seed": seed, "pipeline": pipeline, **tables})

    def _two_faces(self) -> bool:
        return any(r.shares_module(self.record) and r.kind != self.record.kind for r in self.beside)


def _noise(count: int) -> Float32:
    return np.random.default_rng([count, COLUMNS]).normal(size=(count, COLUMNS)).astype(np.float32)
