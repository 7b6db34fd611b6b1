"""FOLDER EPOCHS: RecBole's MultiVAE with its defaults; the test part is measured after every epoch."""

import json
import os
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from quality import K, quality, read_split
from recbole.config import Config
from recbole.data import create_dataset, data_preparation
from recbole.utils import get_model, get_trainer, init_seed
from recbole.utils.case_study import full_sort_topk

split, epochs = read_split(Path(sys.argv[1])), int(sys.argv[2])
torch.set_num_threads(os.cpu_count() or 1)
with tempfile.TemporaryDirectory() as folder:
    # It writes logs wherever it stands.
    os.chdir(folder)
    place = Path(folder) / "task"
    place.mkdir()
    for part, name in (("train", "train"), ("test", "valid"), ("test", "test")):
        offsets, items = getattr(split, f"{part}_offsets"), getattr(split, f"{part}_items")
        users = np.repeat(np.arange(split.users), np.diff(offsets))
        rows = pd.DataFrame({"user_id:token": users, "item_id:token": items})
        rows.to_csv(place / f"task.{name}.inter", sep="\t", index=False)
    config = Config(
        model="MultiVAE",
        dataset="task",
        config_dict={
            "data_path": folder,
            "load_col": {"inter": ["user_id", "item_id"]},
            "benchmark_filename": ["train", "valid", "test"],
            "train_neg_sample_args": None,
            "show_progress": False,
            "use_gpu": False,
            "checkpoint_dir": folder,
        },
    )
    init_seed(0, True)
    dataset = create_dataset(config)
    train, _, test = data_preparation(config, dataset)
    model = get_model("MultiVAE")(config, train.dataset)
    trainer = get_trainer(config["MODEL_TYPE"], "MultiVAE")(config, model)
    numbers = np.array([-1] + [int(one) for one in dataset.id2token("item_id", np.arange(1, dataset.item_num))])
    users = np.array([int(one) for one in dataset.id2token("user_id", np.arange(1, dataset.user_num))])
    fit, seconds, reached = 0.0, [], []
    for epoch in range(epochs):
        begin = time.perf_counter()
        trainer._train_epoch(train, epoch)
        seconds.append(time.perf_counter() - begin)
        fit += seconds[-1]
        lists = np.full((split.users, K), -1)
        for start in range(0, len(users), 1024):
            asked = np.arange(start + 1, min(start + 1024, len(users)) + 1)
            _, found = full_sort_topk(asked, model, test, k=K)
            lists[users[asked - 1]] = numbers[found.numpy()]
        recall, ndcg = quality(split, lists)
        reached.append([fit, recall])
print(
    json.dumps(
        {
            "fit": fit,
            "epoch": float(np.median(seconds)),
            "epochs": epochs,
            "recall": recall,
            "ndcg": ndcg,
            "reached": reached,
        }
    )
)
