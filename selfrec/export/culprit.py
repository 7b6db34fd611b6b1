"""Where graph and module differ as a whole: the part whose own graph does not do what its module does."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

import numpy as np
import onnxruntime as ort
import torch
from onnx import ModelProto
from torch import Tensor

from selfrec.export.agreement import TOLERANCE
from selfrec.export.blame import Face, arguments, foreign_operations, part_graphs
from selfrec.pipeline.parts import Part
from selfrec.pipeline.recommender import Recommender


def culprit(recommender: Recommender) -> Part | None:
    """The first part whose graph fails or gives other numbers than torch, for some number of users and of slots.

    None where each part by itself is sound, or where onnxruntime cannot be trusted with its operations.
    """
    for part, graph in part_graphs(recommender):
        if isinstance(graph, Exception):
            return part
        if not foreign_operations(graph) and not _agrees(part, graph, recommender):
            return part
    return None


@torch.no_grad()
def _agrees(part: Part, graph: ModelProto, recommender: Recommender) -> bool:
    face = Face(part, recommender.n_items).eval()
    options = ort.SessionOptions()
    options.log_severity_level = 4
    try:
        session = ort.InferenceSession(graph.SerializeToString(), options, providers=["CPUExecutionProvider"])
        names = [value.name for value in session.get_inputs()]
        for given in _batches(part, recommender):
            wanted = face(*given).numpy()
            (got,) = session.run(None, {name: value.numpy() for name, value in zip(names, given, strict=False)})
            margin = TOLERANCE * max(1.0, float(np.abs(wanted).max(initial=0)))
            if got.shape != wanted.shape or not np.allclose(got, wanted, rtol=0, atol=margin, equal_nan=True):
                return False
    except Exception:
        # onnxruntime raises its own types, among them bare RuntimeErrors.
        return False
    return True


def _batches(part: Part, recommender: Recommender) -> Iterator[list[Tensor]]:
    """The part's example arguments, with fewer and with more users and slots."""
    given, shapes = arguments(part, recommender)
    for users, slots in product((0, 1, 2, 7), (1, 2, 9)):
        sizes = {"users": users, "slots": slots}
        batch = []
        for value, axes in zip(given, shapes, strict=True):
            for axis, dim in axes.items():
                value = value.index_select(axis, torch.arange(sizes[dim.__name__]) % value.shape[axis])
            batch.append(value)
        yield batch
