"""LensKit: `batch.recommend` of its implicit ALS for all users; candidates are the items not yet seen."""

import os
import time

import numpy as np
import pandas as pd
from common import Stopwatch, read_task
from lenskit.als import ImplicitMFScorer
from lenskit.batch import recommend
from lenskit.data import from_interactions_df
from lenskit.pipeline import topn_pipeline


def main() -> None:
    """Its worker processes import this module, so nothing runs at its top."""
    task = read_task()
    users = np.repeat(np.arange(task.users), np.diff(task.offsets))
    dataset = from_interactions_df(pd.DataFrame({"user_id": users, "item_id": task.items}))
    # One sweep, and the trained user embeddings rather than a new fit a user: only the scoring is measured.
    scorer = ImplicitMFScorer(
        embedding_size=task.item_factors.shape[1], epochs=1, regularization=10.0, user_embeddings="prefer"
    )
    pipeline = topn_pipeline(scorer, n=task.k)
    pipeline.train(dataset)
    everyone = np.unique(users).tolist()
    jobs = min((1, os.cpu_count() or 1), key=lambda count: _seconds(pipeline, everyone[:200], task.k, count))
    with Stopwatch(len(everyone), f"n_jobs={jobs}"):
        lists = recommend(pipeline, everyone, task.k, n_jobs=jobs)
    assert len(lists) == len(everyone)


def _seconds(pipeline: object, users: list, k: int, jobs: int) -> float:
    begin = time.perf_counter()
    recommend(pipeline, users, k, n_jobs=jobs)
    return time.perf_counter() - begin


if __name__ == "__main__":
    main()
