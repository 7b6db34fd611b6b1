"""What a graph does with a ranker's candidates, found so that a scorer can choose them itself.

    masked scores -> the best C -> none past N -> in ascending order, with their scores -> the rest -> items, scores

Operations are told by what they read and give, not by their names; a graph of another make is scored as it stands.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from selfrec.graph.building import Kind, entry, output
from selfrec.graph.reading import INT64, Graph, Node
from selfrec.graph_rewrites.cutting import part_of
from selfrec.graph_rewrites.edited import Edited
from selfrec.graph_rewrites.walks import between, depending, makers, needed, table_widths

TWO_STAGES = (
    *("Reshape", "ReduceMax", "TopK", "TopK", "Unsqueeze", "GatherND", "Flatten", "TopK"),
    *("Div", "Unsqueeze", "GatherND", "Mul", "Mod", "Add"),
)
"""The best of all scores as selfrec.export.top_k.in_two_stages writes them."""

_REAL, _NUMBER = np.dtype(np.float32), np.dtype(np.int64)
_TYPES: dict[str, np.dtype[Any]] = {
    "tensor(float)": _REAL,
    "tensor(int64)": _NUMBER,
    "tensor(int32)": np.dtype(np.int32),
    "tensor(bool)": np.dtype(np.bool_),
}
"""By onnxruntime's names."""


@dataclass(frozen=True)
class Products:
    """Where candidates' rows of a table are multiplied: what is gathered for it is many times what a cache holds."""

    factors: tuple[str, ...]
    """What the rows are multiplied by: float32[B, d, n] each, or the same for all users."""
    names: tuple[str, ...]
    """The product with each, float32[B, C, n]."""
    width: int
    """d."""


@dataclass(frozen=True)
class Ranked:
    """The part of a graph that comes after a ranker's candidates have been chosen."""

    whole: Edited
    candidates: int
    """C."""
    last: int
    """N."""
    items: str
    """int64[B, C] the candidates, in ascending order."""
    scores: str
    """float32[B, C] their scores, masked."""
    passed: tuple[str, ...]
    """What is read of the part before."""
    products: Products | None = None
    """What is worked out apart, of few users at a time; its factors are made in the part before."""

    @property
    def wanted(self) -> tuple[str, ...]:
        """All that has to be known of the part before."""
        return self.passed if self.products is None else (*self.passed, *self.products.factors)

    def graph(self, types: Mapping[str, str]) -> Edited | None:
        """Takes items, scores, what is passed, the products and inputs; gives the lists. None where it cannot take what
        is passed.

        types: of what is passed, by onnxruntime's names.
        """
        if not {types[name] for name in self.passed} <= _TYPES.keys():
            return None
        kinds: dict[str, np.dtype[Any]] = {self.items: _NUMBER, self.scores: _REAL}
        kinds |= {name: _TYPES[types[name]] for name in self.passed}
        kinds |= {} if self.products is None else dict.fromkeys(self.products.names, _REAL)
        surface = [piece for name, kind in kinds.items() for piece in entry(name, (kind, None))]
        return part_of(self.whole, surface, given=kinds)[0]

    def product_graph(self) -> Edited | None:
        """Takes items and the products' factors; gives the products."""
        if self.products is None:
            return None
        real: Kind = (_REAL, None)
        kinds: dict[str, Kind] = {self.items: (_NUMBER, None), **dict.fromkeys(self.products.factors, real)}
        surface = [piece for name, kind in kinds.items() for piece in entry(name, kind)]
        surface += [piece for name in self.products.names for piece in output(name, real)]
        return part_of(self.whole, surface, wanted=self.products.names, given=kinds)[0]


def find_ranked(edited: Edited, graph: Graph, mask: Node) -> Ranked | None:
    """None where the masked scores are used in any other way. graph: what is in the file; mask: makes these scores."""
    masked = mask.outputs[0]
    for node in graph.nodes:
        sizes = _sizes_of_candidates(graph, masked, node)
        if sizes is None:
            continue
        items = node.outputs[0]
        scores, products = _gathered_scores(graph, masked, items), _products(graph, masked, items)
        if scores is None:
            continue
        passed = _passed_on(graph, mask, {items, scores, *(products.names if products else ())})
        if passed is not None:
            return Ranked(edited, *sizes, items, scores, passed, products)
    return None


def _sizes_of_candidates(graph: Graph, masked: str, node: Node) -> tuple[int, int] | None:
    """C and N where this operation puts the best C of the masked scores, none past N, in ascending order; else None."""
    if node.op != "TopK" or node.numbers.get("largest") != 0:
        return None
    limited = makers(graph).get(node.inputs[0])
    if limited is None or limited.op != "Min" or len(limited.inputs) != 2:
        return None
    chosen = between(graph, masked, limited.inputs[0])
    lengths = {one.inputs[1] for one in chosen if one.op == "TopK"}
    if tuple(one.op for one in chosen) not in (("TopK",), TWO_STAGES) or len(lengths) != 1:
        return None
    count, last = (_stored_number(graph, name) for name in (*lengths, limited.inputs[1]))
    return None if count is None or last is None else (count, last)


def _stored_number(graph: Graph, name: str) -> int | None:
    """The one number of a stored int64 tensor."""
    stored = next((one for one in graph.tensors if one.name == name), None)
    if stored is None or stored.element != INT64 or stored.data is None or len(stored.data) != 8:
        return None
    return int(np.frombuffer(stored.data, dtype="<i8")[0])


def _gathered_scores(graph: Graph, masked: str, items: str) -> str | None:
    """The name of the masked scores of these items."""
    places = {node.outputs[0] for node in graph.nodes if node.op == "Unsqueeze" and node.inputs[0] == items}
    found = [
        node.outputs[0]
        for node in graph.nodes
        if node.op == "GatherND" and node.inputs[0] == masked and node.inputs[1] in places
    ]
    return found[0] if len(found) == 1 else None


def _products(graph: Graph, masked: str, items: str) -> Products | None:
    """The widest rows that these items gather, where they are only multiplied by what does not depend on the masked
    scores.
    """
    made_by, widths = makers(graph), table_widths(graph)
    later = {name for place in depending(graph, [masked]) for name in graph.nodes[place].outputs}
    found: list[Products] = []
    for rows in graph.nodes:
        if rows.op != "Gather" or rows.numbers.get("axis") or rows.inputs[1] != items or rows.inputs[0] not in widths:
            continue
        readers = [node for node in graph.nodes if rows.outputs[0] in node.inputs]
        factors = [node.inputs[1] for node in readers if node.op == "MatMul" and node.inputs[0] == rows.outputs[0]]
        if len(factors) == len(readers) > 0 and all(name in made_by and name not in later for name in factors):
            names = tuple(node.outputs[0] for node in readers)
            found.append(Products(tuple(factors), names, widths[rows.inputs[0]]))
    return max(found, key=lambda one: one.width, default=None)


def _passed_on(graph: Graph, mask: Node, given: set[str]) -> tuple[str, ...] | None:
    """What the lists need beside what is given and inputs, of what comes before the mask; None where they need the
    scores themselves.
    """
    made_before = needed(graph.nodes, mask.inputs).names & makers(graph).keys()
    lists = ("items", "scores")
    after = needed(graph.nodes, lists, given=made_before | given)
    read = {*lists, *(name for place in after.places for name in graph.nodes[place].inputs)}
    passed = (read & made_before) - given
    return None if mask.outputs[0] in after.names or mask.inputs[0] in passed else tuple(sorted(passed))
