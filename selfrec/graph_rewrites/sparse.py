"""What sparse generators add to the scores of few items, found so that a scorer can add it itself.

onnxruntime's ScatterElements takes 25 ns an entry, numpy one (see scoring/candidates.py) [measured]. Both add one entry
after the other, so the sums are the same.
"""

from __future__ import annotations

from typing import NamedTuple

from selfrec.graph.reading import Graph, Node
from selfrec.graph_rewrites.walks import makers, readings


class Added(NamedTuple):
    """Names of what is added to a row of scores."""

    items: str
    """int64[B, S]."""
    values: str
    """float32[B, S]."""


def adds(node: Node) -> bool:
    """Whether this is what a sparse generator adds to the scores of few items."""
    return node.op == "ScatterElements" and node.words.get("reduction") == "add" and node.numbers.get("axis") == 1


def added_of(node: Node) -> Added:
    """What such an operation adds."""
    return Added(*node.inputs[1:3])


def without_added(graph: Graph, scores: str) -> tuple[str, tuple[Added, ...]]:
    """The scores before anything is added, and what is added to them, in order.

    Only what nobody else reads is taken off: the scores are changed in place.
    """
    made_by, read = makers(graph), readings(graph)
    added: list[Added] = []
    while (node := made_by.get(scores)) is not None and adds(node) and node.inputs[0] in made_by:
        if read[scores] > 1 or read[node.inputs[0]] > 1:
            break
        added.append(added_of(node))
        scores = node.inputs[0]
    return scores, tuple(reversed(added))
