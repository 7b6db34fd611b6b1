"""SOURCE FOLDER: a published split as arrays; users and items numbered in the order of their ids."""

import sys
from pathlib import Path

import duckdb
import numpy as np

source, folder = sys.argv[1], Path(sys.argv[2])
rows = duckdb.execute(
    """
    SELECT DISTINCT dense_rank() OVER (ORDER BY user_id) - 1 AS "user",
           dense_rank() OVER (ORDER BY item_id) - 1 AS item,
           split, item_id
    FROM read_parquet($1) ORDER BY ALL
    """,
    [source],
).fetchnumpy()
users, items = int(rows["user"].max()) + 1, int(rows["item"].max()) + 1
train = np.asarray(rows["split"]) == "train"
for name, mask in {"train": train, "test": ~train}.items():
    offsets = np.zeros(users + 1, dtype=np.int64)
    np.cumsum(np.bincount(rows["user"][mask], minlength=users), out=offsets[1:])
    np.save(folder / f"{name}_offsets.npy", offsets)
    np.save(folder / f"{name}_items.npy", rows["item"][mask].astype(np.int32))
np.save(folder / "item_ids.npy", np.unique(np.asarray(rows["item_id"])))
(folder / "source.txt").write_text(source)
