"""Small edits of a graph's initializers, inputs and outputs."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt
from onnx import GraphProto, NodeProto, TensorProto, ValueInfoProto, numpy_helper

Array = npt.NDArray[Any]


def initializers(graph: GraphProto) -> dict[str, TensorProto]:
    """The stored tensors by name."""
    return {tensor.name: tensor for tensor in graph.initializer}


def replace_initializer(tensor: TensorProto, value: Array) -> None:
    """Give a stored tensor another value; its name stays."""
    # Not ascontiguousarray, which gives a number an axis.
    tensor.CopyFrom(numpy_helper.from_array(np.array(value, order="C"), tensor.name))


def add_initializer(graph: GraphProto, name: str, value: Array) -> str:
    """Store a tensor; its name."""
    graph.initializer.append(numpy_helper.from_array(value, name))
    return name


def set_size(values: list[ValueInfoProto], name: str, axis: int, size: int) -> None:
    """Fix one dimension of an input or output."""
    for value in values:
        if value.name == name:
            value.type.tensor_type.shape.dim[axis].dim_value = size


def rename_reads(graph: GraphProto, old: str, new: str) -> None:
    """Let every node that reads `old` read `new`."""
    for node in graph.node:
        for place, name in enumerate(node.input):
            if name == old:
                node.input[place] = new


def replace_nodes(graph: GraphProto, nodes: Iterable[NodeProto]) -> None:
    """Give the graph other nodes; some may be its own."""
    copies = [NodeProto.FromString(node.SerializeToString()) for node in nodes]
    del graph.node[:]
    graph.node.extend(copies)
