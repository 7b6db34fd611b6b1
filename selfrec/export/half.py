"""Weights stored as float16, cast to float32 when the graph is loaded; and what that costs in lists."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from onnx import ModelProto, TensorProto, helper, numpy_helper

from selfrec.export.batches import GraphSizes, sample_histories
from selfrec.export.editing import Array, add_initializer, replace_nodes
from selfrec.export.runtimes import Run

SMALLEST = 256
"""Tensors of fewer numbers stay as they are: they weigh nothing, and constants of formulas are among them."""

SUFFIX = "_float16"


@dataclass(frozen=True)
class HalfAgreement:
    """The float16 graph beside the float32 graph, on drawn histories."""

    users: int
    k: int
    same_items: float
    """Share of the list that is in both, averaged over the users."""
    same_first: float
    """Share of users with the same item at rank 1."""
    score_gap: float
    """Largest difference of two scores at one rank, relative to the largest score."""

    def line(self) -> str:
        """The agreement in one line."""
        return (
            f"float16 beside float32, {self.users} drawn histories: {self.same_items:.2%} of the items of a list of "
            f"{self.k}, {self.same_first:.2%} of the first items; scores within {self.score_gap:.1e} of the largest"
        )


def to_half(model: ModelProto) -> int:
    """Store every large float32 tensor as float16; how many. One that float16 cannot hold stays."""
    graph = model.graph
    nodes = []
    for tensor in list(graph.initializer):
        if tensor.data_type != TensorProto.FLOAT or int(np.prod(tensor.dims)) < SMALLEST:
            continue
        value = numpy_helper.to_array(tensor)
        with np.errstate(over="ignore"):
            half = value.astype(np.float16)
        if not np.array_equal(np.isfinite(half), np.isfinite(value)):
            continue
        name = tensor.name
        graph.initializer.remove(tensor)
        nodes.append(
            helper.make_node("Cast", [add_initializer(graph, name + SUFFIX, half)], [name], to=TensorProto.FLOAT)
        )
    replace_nodes(graph, [*nodes, *graph.node])
    return len(nodes)


def measure_half(exact: Run, half: Run, sizes: GraphSizes, users: int = 200) -> HalfAgreement:
    """Both graphs on drawn histories."""
    shared, first, gaps, largest = [], [], [], 1e-30
    for feeds in sample_histories(sizes, users):
        (items, scores), (half_items, half_scores) = exact(feeds), half(feeds)
        there = np.isfinite(scores) & np.isfinite(half_scores)
        shared += [_overlap(row, other) for row, other in zip(items, half_items, strict=True)]
        first += list(items[:, 0] == half_items[:, 0])
        gaps.append(float(np.abs(np.where(there, scores, 0) - np.where(there, half_scores, 0)).max()))
        # A catalog of one item is excluded whole: no score is left.
        largest = max(largest, float(np.abs(scores[there]).max(initial=0)))
    return HalfAgreement(users, sizes.top_k, float(np.mean(shared)), float(np.mean(first)), max(gaps) / largest)


def _overlap(row: Array, other: Array) -> float:
    return len(set(row.tolist()) & set(other.tolist())) / len(row)
