"""After export: the graph keeps to the contract, and onnxruntime gives what torch gives on edge batches."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import torch

from selfrec.errors import ExportError, one_line
from selfrec.export.agreement import difference
from selfrec.export.batches import Case, edge_batches, user_counts
from selfrec.export.culprit import culprit, padding_reader, place_reader, unbounded_part
from selfrec.pipeline.recommender import Recommender

_NO_COURSE = (
    "the contract wants code whose course no value and no size decides (batch.history.shape[0], not "
    "len(batch.history)), nor the order of equal numbers (topk, sort, argsort)"
)
_NO_PADDING = (
    "padding before a history changes what it gives; the contract wants parts to which the place and the number of "
    "slots say nothing (newest(batch, length, items) gives every history a fixed number of them)"
)
_NO_PLACE = (
    "another order of the candidates changes what it gives them; the contract wants rankers to look at the numbers of "
    "candidates, not at their places"
)


def check_graph(path: Path, recommender: Recommender) -> int:
    """Check the exported file against the module it came from; the number of batches compared.

    Raises ExportError naming the first batch that differs.
    """
    try:
        onnx.checker.check_model(str(path), full_check=False)
    except onnx.checker.ValidationError as error:
        raise ExportError(f"{path.name}: not a valid graph ({one_line(error)[:300]})") from error
    options = ort.SessionOptions()
    # What goes wrong is said in the error below, once.
    options.log_severity_level = 4
    session = ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    count = 0
    for case in edge_batches(recommender, user_counts(ort.__version__)):
        with torch.no_grad():
            wanted_items, wanted = recommender(**{k: torch.from_numpy(v) for k, v in case.feeds.items()})
        try:
            items, scores = session.run(["items", "scores"], dict(case.feeds))
        except Exception as error:
            # onnxruntime raises types of its own, among them bare RuntimeErrors.
            told = f"onnxruntime fails on {case.name} ({one_line(error)[:300]})"
            raise ExportError(f"{path.name}: {told}{_blame(recommender)}") from error
        if not ((scores < np.inf).all() and (wanted.numpy() < np.inf).all()):
            raise ExportError(f"{path.name}: scores are NaN or infinite on {case.name}{_unbounded(recommender, case)}")
        problem = difference(items, scores, wanted_items.numpy(), wanted.numpy())
        if problem:
            told = f"onnxruntime and torch differ on {case.name}: {problem}"
            raise ExportError(f"{path.name}: {told}{_blame(recommender)}")
        count += 1
    return count


def _unbounded(recommender: Recommender, case: Case) -> str:
    """The part that gives the NaN or infinity, and what is wanted of it."""
    part = unbounded_part(recommender, case.feeds)
    if part is None:
        return ""
    return (
        f"; it comes from {part.name}: `{part.method}` returned NaN or infinity{part.at(part.method)}; the contract "
        "wants finite numbers, also for few candidates and equal scores: look for a division by 0, or a logarithm or "
        f"root of one: `selfrec plugins check {part.record.name}`"
    )


def _blame(recommender: Recommender) -> str:
    """The part it comes from, and what is wanted of it; nothing where every part by itself is sound."""
    part, wanted = culprit(recommender), _NO_COURSE
    if part is None:
        part, wanted = padding_reader(recommender), _NO_PADDING
    if part is None:
        part, wanted = place_reader(recommender), _NO_PLACE
    if part is None:
        return ""
    return f"; it comes from {part.name}: {wanted}: `selfrec plugins check {part.record.name}`"
