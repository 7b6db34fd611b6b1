"""implicit: `recommend` of a factor model for all users, seen items left out, everything in its memory already."""

import numpy as np
from common import Stopwatch, read_task
from implicit.cpu.als import AlternatingLeastSquares
from scipy.sparse import csr_matrix

task = read_task()
seen = csr_matrix(
    (np.ones(len(task.items), np.float32), task.items, task.offsets), shape=(task.users, len(task.item_factors))
)
model = AlternatingLeastSquares(factors=task.item_factors.shape[1], num_threads=0)
model.user_factors, model.item_factors = task.user_factors, task.item_factors
model.recommend(np.arange(10), seen[:10], N=task.k)
with Stopwatch(task.users, "one BLAS thread, its own threads on all cores"):
    items, _ = model.recommend(np.arange(task.users), seen, N=task.k, filter_already_liked_items=True)
assert items.shape == (task.users, task.k)
