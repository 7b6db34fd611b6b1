"""The graph in two, cut where the embeddings of a history have been summed up.

    history, weights, ages -> head -> pooled [B, R, d];        pooled, exclude, ... -> tail -> items, scores

The embeddings [B, H, d] that a batch gathers are many times what a processor's cache holds: they are written to memory
and read again. The head is run on few users at a time, whose embeddings stay in the cache, and the tail on as many as
the product likes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from selfrec.graph.building import Kind, entry, output
from selfrec.graph.reading import Graph, Node
from selfrec.graph_rewrites.cutting import part_of
from selfrec.graph_rewrites.edited import Edited
from selfrec.graph_rewrites.walks import makers, needed, readings, table_widths

SLOTWISE = ("history", "weights", "ages")
"""Inputs [B, H] that the head may read: all are cut where a row's padding begins."""


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
    made_by, read, widths = makers(graph), readings(graph), table_widths(graph)
    found: list[Pooling] = []
    for node in graph.nodes:
        weights, gather = (made_by.get(name) for name in node.inputs[:2]) if node.op == "MatMul" else (None, None)
        if weights is None or weights.op != "Unsqueeze" or gather is None or read[gather.outputs[0]] > 1:
            continue
        if _gathers_history(gather, made_by) and gather.inputs[0] in widths and _slotwise(graph, node):
            found.append(Pooling(node.outputs[0], widths[gather.inputs[0]]))
    return max(found, key=lambda one: one.width, default=None)


def _gathers_history(node: Node, made_by: Mapping[str, Node]) -> bool:
    """Whether this takes a row for each slot [B, H], or [B, 1 + H] with one of padding in front."""
    if node.op != "Gather" or node.numbers.get("axis"):
        return False
    pad = made_by.get(node.inputs[1])
    return "history" in (node.inputs[1], pad.inputs[0] if pad is not None and pad.op == "Pad" else "")


def _slotwise(graph: Graph, node: Node) -> bool:
    """Whether an operation depends on no other inputs of the graph than SLOTWISE."""
    return needed(graph.nodes, node.inputs).names & graph.inputs.keys() <= set(SLOTWISE)


def in_two(edited: Edited, pooling: Pooling) -> InTwo:
    """Cut what was made of the graph in which the pooling was found; each half has what it needs and nothing else."""
    kind: Kind = (np.dtype(np.float32), ("batch", "pooled_rows", pooling.width))
    head, head_inputs = part_of(edited, output(pooling.name, kind), wanted=[pooling.name])
    tail, tail_inputs = part_of(edited, entry(pooling.name, kind), given=[pooling.name])
    return InTwo(pooling, head, head_inputs, tail, tail_inputs)
