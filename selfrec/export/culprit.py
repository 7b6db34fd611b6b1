"""Where graph and module differ as a whole: the part whose own graph does not do what its module does."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import product
from typing import Any

import numpy as np
import onnxruntime as ort
import torch
from onnx import ModelProto
from torch import Tensor
from torch.nn import functional

from selfrec.errors import SelfrecError
from selfrec.export.agreement import TOLERANCE
from selfrec.export.batches import Array, Feeds, user_counts
from selfrec.export.blame import Face, arguments, foreign_operations, part_graphs, scoring_parts
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
def padding_reader(recommender: Recommender) -> Part | None:
    """The first part that gives other numbers when a slot of padding is put before every history, as the graph does."""
    for part in scoring_parts(recommender):
        face = Face(part, recommender.n_items).eval()
        given, _ = arguments(part, recommender)
        history, *slots = given[:3]
        padded = [functional.pad(history, (1, 0), value=recommender.n_items)]
        padded += [functional.pad(value, (1, 0)) for value in slots]
        try:
            same = _close(face(*padded, *given[3:]).numpy(), face(*given).numpy())
        except SelfrecError:
            return part
        if not same:
            return part
    return None


@torch.no_grad()
def place_reader(recommender: Recommender) -> Part | None:
    """The ranker, where the place of a candidate changes its score: empty slots may stand anywhere among the others."""
    for part in scoring_parts(recommender):
        if part.kind != "ranker":
            continue
        given, _ = arguments(part, recommender)
        turned = [value.flip(1) for value in given[-2:]]
        face = Face(part, recommender.n_items).eval()
        if not _close(face(*given[:-2], *turned).numpy(), face(*given).flip(1).numpy()):
            return part
    return None


@torch.no_grad()
def unbounded_part(recommender: Recommender, feeds: Feeds) -> Part | None:
    """The first part that gives NaN or infinity to a user whose list then holds some, or the ranker, where it does so
    once all candidates have one score; None where there is no such.
    """
    batch = {name: torch.from_numpy(value) for name, value in feeds.items()}
    _, scores = recommender(**batch)
    ill = ~(scores < float("inf")).all(1)
    for part in scoring_parts(recommender):
        with _outputs(part) as seen:
            recommender(**batch)
        if not all(bool(torch.isfinite(output[ill]).all()) for output in seen):
            return part
    for part in scoring_parts(recommender):
        if part.kind == "ranker":
            # Runtimes round in ways of their own: a spread that is 0 in one is next to 0 in another.
            *given, each = arguments(part, recommender)[0]
            if not bool(torch.isfinite(Face(part, recommender.n_items)(*given, torch.zeros_like(each))).all()):
                return part
    return None


@contextmanager
def _outputs(part: Part) -> Iterator[list[Tensor]]:
    """A list of what the part's method gives meanwhile."""
    method: Callable[..., Any] = getattr(part.module, part.method)
    seen: list[Tensor] = []

    def watched(*args: Any) -> Any:
        output = method(*args)
        seen.append(output[1] if part.sparse else output)
        return output

    own = vars(part.module)
    before = dict(own)
    own[part.method] = watched
    try:
        yield seen
    finally:
        own.clear()
        own.update(before)


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
            if not _close(got, wanted):
                return False
    except Exception:
        # onnxruntime raises its own types, among them bare RuntimeErrors.
        return False
    return True


def _close(got: Array, wanted: Array) -> bool:
    margin = TOLERANCE * max(1.0, float(np.abs(wanted).max(initial=0)))
    return got.shape == wanted.shape and np.allclose(got, wanted, rtol=0, atol=margin, equal_nan=True)


def _batches(part: Part, recommender: Recommender) -> Iterator[list[Tensor]]:
    """The part's example arguments, with fewer and with more users and slots."""
    given, shapes = arguments(part, recommender)
    for users, slots in product(user_counts(ort.__version__), (1, 2, 9)):
        sizes = {"users": users, "slots": slots}
        batch = []
        for value, axes in zip(given, shapes, strict=True):
            for axis, dim in axes.items():
                value = value.index_select(axis, torch.arange(sizes[dim.__name__]) % value.shape[axis])
            batch.append(value)
        yield batch
