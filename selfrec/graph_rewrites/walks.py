"""A graph followed from name to name: what makes a name, what reads it, what it depends on and what depends on it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple, Protocol

from selfrec.graph.reading import FLOAT, Graph, Node


class Operation(Protocol):
    """What a walk has to know of an operation. In a graph, it stands after those whose outputs it reads."""

    @property
    def inputs(self) -> Sequence[str]:
        """Names; "" for an operand that is left out."""

    @property
    def outputs(self) -> Sequence[str]:
        """Names; "" for an output that nobody wants."""


class Needed(NamedTuple):
    """What some names of a graph depend on."""

    names: set[str]
    """All of them, the names asked for as well."""
    places: set[int]
    """Numbers of the operations that make them."""


def makers(graph: Graph) -> dict[str, Node]:
    """The operation that makes each name."""
    return {name: node for node in graph.nodes for name in node.outputs}


def readings(graph: Graph) -> Counter[str]:
    """How often each name is read."""
    return Counter(name for node in graph.nodes for name in node.inputs)


def table_widths(graph: Graph) -> dict[str, int]:
    """d of each stored float32[n, d], by its name."""
    return {one.name: one.dims[1] for one in graph.tensors if len(one.dims) == 2 and one.element == FLOAT}


def needed(operations: Sequence[Operation], wanted: Iterable[str], given: Iterable[str] = ()) -> Needed:
    """What the wanted names depend on, no further than to the names that are given."""
    known = {*given, ""}
    names, places = set(wanted) - known, set()
    for place in range(len(operations) - 1, -1, -1):
        if not names.isdisjoint(operations[place].outputs):
            places.add(place)
            names |= set(operations[place].inputs) - known
    return Needed(names, places)


def depending(graph: Graph, names: Iterable[str]) -> list[int]:
    """Numbers of the operations that depend on one of these names, in order."""
    made, later = set(names), []
    for place, node in enumerate(graph.nodes):
        if not made.isdisjoint(node.inputs):
            made |= set(node.outputs) - {""}
            later.append(place)
    return later


def between(graph: Graph, first: str, last: str) -> list[Node]:
    """The operations on all ways from one name to another, in order."""
    behind = needed(graph.nodes, [last]).places
    return [graph.nodes[place] for place in depending(graph, [first]) if place in behind]
