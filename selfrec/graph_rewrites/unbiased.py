"""The graph without its pass for the item bias, for a job in which every item's bias is 0.

An item bias rides on the product as Gemm's C: one more pass over the score matrix [B, columns], which takes 4 % of the
graph at N 20,000 and 7 % at N 100,000 [measured]. A graph has no branch that would skip zeros, so the scorer takes C
away. C also holds -inf for the columns past N; whoever runs the graph without it excludes them for every user.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from selfrec.graph.onnx_fields import READ
from selfrec.graph.reading import FLOAT, Graph, Node, read_graph
from selfrec.graph.wire import Pieces, replace_field
from selfrec.graph_rewrites.edited import Edited, Source, edit
from selfrec.graph_rewrites.sparse import adds

_BIAS, _EXCLUDE = "item_bias", "exclude"
_GEMM_C = 2
"""Which operand is C."""


@dataclass(frozen=True)
class Unbiased(Edited):
    """A graph that gives, for a bias of 0, what the one it is made from gives."""

    padding_columns: range
    """Columns past the last item, to be excluded for every user."""


def without_bias(source: Source, n_items: int) -> Unbiased | None:
    """The same graph without the bias on its product; None where the bias or the mask is used in another way."""
    found = _biased_product(read_graph(source.content))
    if found is None:
        return None
    product, never = found

    def changed(place: int, node: memoryview) -> Pieces:
        return replace_field(node, READ, _GEMM_C, None) if place == product else [node]

    edited = edit(source, changed, [], [])
    return Unbiased(edited.content, edited.tensors, range(n_items, n_items + never))


def product_place(graph: Graph) -> int | None:
    """Which node is the one product that the bias rides on and that only sparse generators and the mask read; None
    where there is no such.
    """
    found = _biased_product(graph)
    return None if found is None else found[0]


def _biased_product(graph: Graph) -> tuple[int, int] | None:
    """Which node is the product that the bias rides on, and how many columns it has past the last item."""
    padded = {
        node.outputs[0]: padding_columns
        for node in graph.nodes
        if node.op == "Concat" and len(node.inputs) == 2 and node.inputs[0] == _BIAS
        for padding_columns in [_length_of_never(graph, node.inputs[1])]
        if padding_columns
    }
    places = [
        place for place, node in enumerate(graph.nodes) if node.op == "Gemm" and padded.keys() & set(node.inputs[2:])
    ]
    if len(places) != 1 or not _read_by_mask_alone(graph.nodes, graph.nodes[places[0]].outputs[0]):
        return None
    return places[0], padded[graph.nodes[places[0]].inputs[2]]


def _length_of_never(graph: Graph, name: str) -> int:
    """Length of the stored float32 vector of this name where it is -inf throughout, else 0."""
    for tensor in graph.tensors:
        if tensor.name == name and tensor.element == FLOAT and tensor.data is not None and len(tensor.dims) == 1:
            values = np.frombuffer(tensor.data, dtype="<f4")
            return len(values) if bool((values == -np.inf).all()) else 0
    return 0


def _read_by_mask_alone(nodes: list[Node], scores: str) -> bool:
    """Whether the mask of excluded items is the only reader of these scores, after what sparse generators add."""
    readers = [node for node in nodes if scores in node.inputs]
    if len(readers) != 1 or readers[0].op != "ScatterElements" or readers[0].inputs[0] != scores:
        return False
    [reader] = readers
    return _read_by_mask_alone(nodes, reader.outputs[0]) if adds(reader) else reader.inputs[1] == _EXCLUDE
