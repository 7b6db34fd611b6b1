"""FOLDER PRESET [NAME=VALUE ...]: `selfrec.fit` with a preset on the published split, nothing dropped as rare."""

import json
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from quality import K, quality, read_split

from selfrec.fit_job.job import fit
from selfrec.histories import Histories
from selfrec.model_folder.reading import open_model
from selfrec.pipeline.listener import Silent
from selfrec.scoring.kernel import Scorer
from selfrec.settings.config import load_config
from selfrec.settings.tables import ScoringSettings


class Times(Silent):
    """When each epoch ended, and how long training took in all: from clean histories to weights, choices and refit
    included.
    """

    def __init__(self) -> None:
        self.trained = 0.0
        self._begun = 0.0
        self.ends: list[float] = []
        self.seconds: list[float] = []

    def cleaned(self, report: Sequence[Any]) -> None:
        self._begun = time.perf_counter()

    def working(self, text: str) -> None:
        if text.startswith("exporting") and not self.trained:
            self.trained = time.perf_counter() - self._begun

    def training(self, phase: str, kind: str, label: str, epochs: int) -> None:
        self.ends.append(time.perf_counter())

    def epoch(self, label: str, number: int, metrics: Mapping[str, float]) -> None:
        self.ends.append(time.perf_counter())
        if label == "autoencoder":
            self.seconds.append(self.ends[-1] - self.ends[-2])


folder = Path(sys.argv[1])
split = read_split(folder)
choices = ["split.kind=column", "cleaning.min_users_per_item=1", "cleaning.min_items_per_user=1", *sys.argv[3:]]
config = load_config(None, preset=sys.argv[2], overrides=choices, seed=0)
times = Times()
begin, begin_cpu = time.perf_counter(), time.process_time()
fit((folder / "source.txt").read_text(), str(folder / "model"), config, listener=times)
seconds, cpu = time.perf_counter() - begin, time.process_time() - begin_cpu
model = open_model(folder / "model")
# The split's item numbers to the model's, and back.
ids = {int(one): number for number, one in enumerate(np.load(folder / "item_ids.npy"))}
to_split = np.array([ids[int(one)] for one in model.catalog.item_ids.to_pylist()] + [-1])
to_model = np.full(split.items, model.n_items)
to_model[to_split[:-1]] = np.arange(model.n_items)
items = to_model[split.train_items]
known = items < model.n_items
offsets = np.concatenate([[0], np.cumsum(known)])[split.train_offsets]
slots = int(known.sum())
histories = Histories(
    n_items=model.n_items,
    offsets=offsets.astype(np.int64),
    items=items[known].astype(np.int32),
    weights=np.ones(slots, np.float32),
    ages=np.zeros(slots, np.float32),
)
lists = to_split[Scorer(model, ScoringSettings(k=K)).score(histories).items]
recall, ndcg = quality(split, lists)
print(
    json.dumps(
        {
            "fit": seconds,
            "trained": times.trained,
            "cpu": cpu,
            "epoch": float(np.median(times.seconds)) if times.seconds else float("nan"),
            "epochs": len(times.seconds),
            "recall": recall,
            "ndcg": ndcg,
            "reached": [[seconds, recall]],
        }
    )
)
