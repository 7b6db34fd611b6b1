"""FOLDER: implicit's ALS with 64 factors and its own defaults."""

import json
import sys
import time
from pathlib import Path

import numpy as np
from implicit.cpu.als import AlternatingLeastSquares
from quality import K, quality, read_split
from scipy.sparse import csr_matrix

split = read_split(Path(sys.argv[1]))
ones = np.ones(len(split.train_items), np.float32)
seen = csr_matrix((ones, split.train_items, split.train_offsets), shape=(split.users, split.items))
model = AlternatingLeastSquares(factors=64, random_state=0)
ends: list[float] = []
begin, begin_cpu = time.perf_counter(), time.process_time()
model.fit(seen, show_progress=False, callback=lambda *_: ends.append(time.perf_counter() - begin))
fit, cpu = time.perf_counter() - begin, time.process_time() - begin_cpu
lists, _ = model.recommend(np.arange(split.users), seen, N=K, filter_already_liked_items=True)
recall, ndcg = quality(split, lists)
epoch = float(np.median(np.diff([0.0, *ends])))
print(
    json.dumps(
        {
            "fit": fit,
            "cpu": cpu,
            "epoch": epoch,
            "epochs": len(ends),
            "recall": recall,
            "ndcg": ndcg,
            "reached": [[fit, recall]],
        }
    )
)
