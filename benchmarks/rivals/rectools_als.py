"""RecTools: `recommend` of its ALS wrapper for all users, viewed items filtered."""

import numpy as np
import pandas as pd
from common import Stopwatch, read_task
from implicit.als import AlternatingLeastSquares
from rectools import Columns
from rectools.dataset import Dataset
from rectools.models import ImplicitALSWrapperModel

task = read_task()
events = pd.DataFrame(
    {
        Columns.User: np.repeat(np.arange(task.users), np.diff(task.offsets)),
        Columns.Item: task.items,
        Columns.Weight: 1.0,
        Columns.Datetime: pd.Timestamp("2026-01-01"),
    }
)
dataset = Dataset.construct(events)
# One sweep: how long scoring takes does not depend on what the factors are.
model = ImplicitALSWrapperModel(
    AlternatingLeastSquares(factors=task.item_factors.shape[1], iterations=1, num_threads=0)
).fit(dataset)
users = events[Columns.User].unique()
with Stopwatch(len(users), "one BLAS thread, its own threads on all cores"):
    lists = model.recommend(users=users, dataset=dataset, k=task.k, filter_viewed=True)
assert lists[Columns.User].nunique() == len(users)
