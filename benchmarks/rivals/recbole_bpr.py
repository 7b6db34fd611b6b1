"""RecBole: `full_sort_topk` of a factor model (BPR) for all users, in batches."""

import os
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from common import Stopwatch, read_task
from recbole.config import Config
from recbole.data import create_dataset, data_preparation
from recbole.utils import get_model
from recbole.utils.case_study import full_sort_topk

BATCH = 512

task = read_task()
torch.set_num_threads(os.cpu_count() or 1)
with tempfile.TemporaryDirectory() as folder:
    place = Path(folder) / "task"
    place.mkdir()
    events = pd.DataFrame(
        {"user_id:token": np.repeat(np.arange(task.users), np.diff(task.offsets)), "item_id:token": task.items}
    )
    events.to_csv(place / "task.inter", sep="\t", index=False)
    config = Config(
        model="BPR",
        dataset="task",
        config_dict={
            "data_path": folder,
            "embedding_size": task.item_factors.shape[1],
            "load_col": {"inter": ["user_id", "item_id"]},
            # All but nothing is history: who is scored has seen what the others' users have seen.
            "eval_args": {"split": {"LS": "valid_and_test"}, "order": "RO", "group_by": "user", "mode": "full"},
            "show_progress": False,
            "use_gpu": False,
        },
    )
    dataset = create_dataset(config)
    train, _, test = data_preparation(config, dataset)
model = get_model("BPR")(config, train.dataset)
# Number 0 is its padding; users with one item are in no test part.
known = np.array([u for u in range(1, dataset.user_num) if test.uid2history_item[u] is not None])
with Stopwatch(len(known), f"batches of {BATCH}, torch on all cores"):
    for start in range(0, len(known), BATCH):
        full_sort_topk(known[start : start + BATCH], model, test, k=task.k)
