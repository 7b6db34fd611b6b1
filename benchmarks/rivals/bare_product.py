"""The yardstick: queries [U, d] times factors [d, N] in onnxruntime and nothing else, at its best settings."""

import os
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import onnxruntime
from common import Stopwatch, read_task
from onnx import TensorProto, helper, numpy_helper

SETTINGS = [(batch, inside) for batch in (64, 128, 256, 512) for inside in (True, False)]
"""Batch sizes; threads inside one product, or one product a thread."""


def session_of(factors: np.ndarray, threads: int) -> onnxruntime.InferenceSession:
    """scores [B, N] = queries [B, d] x factors [d, N]."""
    items, width = factors.shape
    value = helper.make_tensor_value_info
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["queries", "factors"], ["scores"])],
        "product",
        [value("queries", TensorProto.FLOAT, ["batch", width])],
        [value("scores", TensorProto.FLOAT, ["batch", items])],
        [numpy_helper.from_array(np.ascontiguousarray(factors.T), "factors")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    # Waiting threads would only add to the CPU seconds.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])


def multiply(sessions: dict, queries: np.ndarray, batch: int, inside: bool, cores: int) -> float:
    """Seconds for all queries."""
    begin = time.perf_counter()
    starts = range(0, len(queries), batch)

    def one(start: int) -> None:
        sessions[inside].run(None, {"queries": queries[start : start + batch]})

    if inside:
        for start in starts:
            one(start)
    else:
        with ThreadPoolExecutor(cores) as pool:
            list(pool.map(one, starts))
    return time.perf_counter() - begin


def main() -> None:
    """The best of the settings on a part of the users, then all of them."""
    task = read_task()
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    sessions = {True: session_of(task.item_factors, cores), False: session_of(task.item_factors, 1)}
    trial = task.user_factors[: max(1024, len(task.user_factors) // 20)]
    for _ in range(2):  # The first round warms up.
        seconds = {setting: multiply(sessions, trial, *setting, cores) for setting in SETTINGS}
    batch, inside = min(seconds, key=seconds.__getitem__)
    where = f"{cores} threads inside a product" if inside else f"{cores} products side by side"
    with Stopwatch(task.users, f"batches of {batch}, {where}"):
        multiply(sessions, task.user_factors, batch, inside, cores)


if __name__ == "__main__":
    main()
