"""The graph in two, cut where the embeddings of a history have been summed up.

    history, weights, ages -> head -> pooled [B, R, d];        pooled, exclude, ... -> tail -> items, scores

The embeddings [B, H, d] that a batch gathers are many times what a processor's cache holds: they are written to memory
and read again. The head is run on few users at a time, whose embeddings stay in the cache, and the tail on as many as
the product likes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from selfrec.model_folder.building import Kind, entry, output
from selfrec.model_folder.edited import Edited
from selfrec.model_folder.graph import FLOAT, Graph, Node, stored_tensor, value_info
from selfrec.model_folder.wire import Pieces, blob, field_of, fields, text, varint_of

SLOTWISE = ("history", "weights", "ages")
"""Inputs [B, H] that the head may read: all are cut where a row's padding begins."""

_NODE, _TENSOR, _INPUT, _OUTPUT = 1, 5, 11, 12
_GRAPH = 7


@dataclass(frozen=True)
class Pooling:
    """Where a graph sums up the embeddings of a history: of several such places, the widest."""

    name: str
    """The sums, float32[B, R, d]."""
    width: int
    """d."""


@dataclass(frozen=True)
class InTwo:
    """A graph as two, which together give what it gives."""

    pooling: Pooling
    head: Edited
    head_inputs: tuple[str, ...]
    """Some of SLOTWISE."""
    tail: Edited
    tail_inputs: tuple[str, ...]
    """Beside the sums."""


def find_pooling(graph: Graph) -> Pooling | None:
    """The widest product of weights and the embeddings that a history gathers; None where there is none."""
    makers = {name: node for node in graph.nodes for name in node.outputs}
    tables = {one.name: one.dims[1] for one in graph.tensors if len(one.dims) == 2 and one.element == FLOAT}
    readers = Counter(name for node in graph.nodes for name in node.inputs)
    found: list[Pooling] = []
    for node in graph.nodes:
        weights, gather = (makers.get(name) for name in node.inputs[:2]) if node.op == "MatMul" else (None, None)
        if weights is None or weights.op != "Unsqueeze" or gather is None or readers[gather.outputs[0]] > 1:
            continue
        if _gathers_history(gather, makers) and gather.inputs[0] in tables and _slotwise(graph, makers, node):
            found.append(Pooling(node.outputs[0], tables[gather.inputs[0]]))
    return max(found, key=lambda one: one.width, default=None)


def _gathers_history(node: Node, makers: Mapping[str, Node]) -> bool:
    """Whether this takes a row for each slot [B, H], or [B, 1 + H] with one of padding in front."""
    if node.op != "Gather" or node.numbers.get("axis"):
        return False
    pad = makers.get(node.inputs[1])
    return "history" in (node.inputs[1], pad.inputs[0] if pad is not None and pad.op == "Pad" else "")


def _slotwise(graph: Graph, makers: Mapping[str, Node], node: Node) -> bool:
    """Whether an operation depends on no other inputs of the graph than SLOTWISE."""
    seen: set[str] = set()
    left = list(node.inputs)
    while left:
        name = left.pop()
        if name not in seen:
            seen.add(name)
            left += makers[name].inputs if name in makers else ()
    return seen & set(graph.inputs) <= set(SLOTWISE)


def in_two(edited: Edited, pooling: Pooling) -> InTwo:
    """Cut what was made of the graph in which the pooling was found; each half has what it needs and nothing else."""
    kind: Kind = (np.dtype(np.float32), ("batch", "pooled_rows", pooling.width))
    head, head_inputs = _part(edited, [pooling.name], output(pooling.name, kind), ())
    tail, tail_inputs = _part(edited, None, entry(pooling.name, kind), (pooling.name,))
    return InTwo(pooling, head, head_inputs, tail, tail_inputs)


def _part(
    edited: Edited, wanted: Iterable[str] | None, surface: Pieces, given: tuple[str, ...]
) -> tuple[Edited, tuple[str, ...]]:
    """The file of what these names depend on, and its inputs beside those given.

    wanted: None for the outputs of the graph. surface: a further field of the graph.
    """
    top = list(fields(memoryview(edited.content)))
    graph = next(blob(value) for tag, value in top if tag == _GRAPH)
    parts = [(tag, blob(value)) for tag, value in fields(graph) if not isinstance(value, int)]
    outputs = {value_info(message)[0] for tag, message in parts if tag == _OUTPUT}
    needed, kept_nodes = _needed(parts, outputs if wanted is None else set(wanted), set(given))
    inputs, kept = [], list(surface)
    for place, (tag, message) in enumerate(parts):
        if tag == _NODE:
            keep = place in kept_nodes
        elif tag == _TENSOR:
            keep = stored_tensor(message).name in needed
        elif tag == _INPUT:
            name = value_info(message)[0]
            keep = name in needed
            inputs += [name] if keep else []
        elif tag == _OUTPUT:
            keep = wanted is None
        else:
            keep = True
        kept += field_of(tag, [message]) if keep else []
    whole: Pieces = []
    for tag, value in top:
        if tag == _GRAPH:
            whole += field_of(tag, kept)
        elif not isinstance(value, int):
            whole += field_of(tag, [value])
        else:
            whole += varint_of(tag, value)
    tensors = {name: values for name, values in edited.tensors.items() if name in needed}
    return Edited(b"".join(whole), tensors), tuple(inputs)


def _needed(parts: list[tuple[int, memoryview]], wanted: set[str], given: set[str]) -> tuple[set[str], set[int]]:
    """All names that these depend on, up to what is given, and the places of the operations that make them."""
    needed, kept = wanted - given, set()
    # An operation stands after those whose outputs it reads.
    for place in range(len(parts) - 1, -1, -1):
        tag, message = parts[place]
        if tag != _NODE:
            continue
        read, made = ({text(value) for number, value in fields(message) if number == field} for field in (1, 2))
        if made & needed:
            kept.add(place)
            needed |= read - given - {""}
    return needed, kept
