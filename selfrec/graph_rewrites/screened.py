"""The graph with a first product in 8 bits: it bounds every item's score, and the few that may be in a list are scored
as before. The lists are those of the graph; their scores are summed in another order, so the last bits may differ.

    8-bit bounds of all items | mask -> the C highest | their scores in float32 -> the k best

The graph is cut where the candidates are chosen, for which there are quicker ways than its operations (see
scoring/candidates.py). For a user whose k-th best score is below the bound of what was left out the graph itself has to
be asked. The first product takes a third to two thirds of the time of the one in float32, by
the processor (see scoring/processor.py); on a large catalog that is most of a job [measured].
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from selfrec.graph.building import Kind, entry, opset, output
from selfrec.graph.reading import FLOAT, Graph, Node, Stored, read_graph
from selfrec.graph_rewrites.bytes_table import bytes_table
from selfrec.graph_rewrites.cutting import part_of
from selfrec.graph_rewrites.edited import Edited, Source, edit
from selfrec.graph_rewrites.scored import is_top_k
from selfrec.graph_rewrites.screen import (
    ALLOWED,
    BLOCK,
    BOUNDS,
    CHOSEN,
    EIGHT_BITS,
    EXTRA,
    MARGIN,
    MICROSOFT,
    PREFIX,
    RAISED,
    UNIT,
    Form,
    Screen,
)
from selfrec.graph_rewrites.sparse import Added, added_of, adds
from selfrec.graph_rewrites.unbiased import product_place
from selfrec.graph_rewrites.walks import depending

_REAL, _NUMBER = np.dtype(np.float32), np.dtype(np.int64)
_SHARE = 64
"""One of so many items is scored exactly in the time in which the graph scores all [measured]."""


@dataclass(frozen=True)
class Screened:
    """A graph as two, between which candidates are chosen."""

    bounds: Edited
    """Gives BOUNDS, UNIT, MARGIN, the mask, the query and what is added."""
    exact: Edited
    """Takes CHOSEN, ALLOWED, the query and, where something is added, EXTRA; gives items and scores."""
    query: str
    """float32[B, d]."""
    mask: tuple[str, str]
    """int64[B, X] the items that are masked, float32[B, X] what they get."""
    added: Added | None
    """What a sparse generator adds to the product; then there is RAISED too."""
    candidates: int
    """C, for all users at first."""
    most: int
    """What C may be for those of whom it is not sure then: with more the graph itself costs less."""


@dataclass(frozen=True)
class _Places:
    """Where in the graph the parts stand that the screen replaces."""

    product: Node
    added: Node | None
    """What a sparse generator adds."""
    mask: Node
    factors: Stored
    replaced: set[int]
    """Numbers of the operations from the product on."""


def _candidates(k: int, form: Form) -> int:
    """C, with which all users of fitted models are sure, and .95 of those of models drawn at random [measured]."""
    return int(form.candidates * (8 + k * 9 // 5))


def screened(source: Source, n_items: int, k: int, *, form: Form = EIGHT_BITS, forced: bool = False) -> Screened | None:
    """The file that gives lists of k of a graph that is one product and the best of it; None for any other.

    None too where a screen in this form costs more than it spares, unless forced.
    """
    places = _places(read_graph(source.content), n_items)
    if places is None:
        return None
    blocks, few = places.factors.dims[0] // BLOCK, _candidates(k, form)
    if blocks < few or not (forced or _worth(places.factors, few, form)):
        return None
    values = source.values(places.factors)
    table = None if values is None else bytes_table(values, n_items)
    if table is None:
        return None
    query, factors, bias = places.product.inputs
    added = None if places.added is None else added_of(places.added)
    screen = Screen(table, form, query=query, factors=factors, bias=bias, added=added)
    screen.write(k)
    kept = edit(
        source,
        lambda place, node: None if place in places.replaced else [node],
        screen.fields,
        [opset(MICROSOFT, 1)],
    )
    whole = Edited(kept.content, {**kept.tensors, **screen.tensors})
    mask = places.mask.inputs[1], places.mask.inputs[2]
    bounds, exact = _cut(whole, {query: (_REAL, ("batch", places.factors.dims[1]))}, mask, blocks, added)
    return Screened(bounds, exact, query, mask, added, few, max(few, n_items // _SHARE))


def _cut(
    whole: Edited, query: dict[str, Kind], mask: tuple[str, str], blocks: int, added: Added | None
) -> tuple[Edited, Edited]:
    """What gives the bounds, and what scores candidates."""
    given: dict[str, Kind] = {
        BOUNDS: (_REAL, ("batch", blocks * BLOCK)),
        UNIT: (_REAL, ("batch", 1)),
        MARGIN: (_REAL, ("batch", 1)),
        mask[0]: (_NUMBER, ("batch", "masked")),
        mask[1]: (_REAL, ("batch", "masked")),
        **query,
    }
    taken: dict[str, Kind] = {
        CHOSEN: (_NUMBER, ("batch", "candidates")),
        ALLOWED: (np.dtype(np.bool_), ("batch", "candidates")),
        **query,
    }
    if added is not None:
        given[added.items] = (_NUMBER, ("batch", "added"))
        given[added.values] = given[RAISED] = (_REAL, ("batch", "added"))
        taken[EXTRA] = (_REAL, ("batch", "candidates"))
    outputs = [piece for name, kind in given.items() for piece in output(name, kind)]
    inputs = [piece for name, kind in taken.items() for piece in entry(name, kind)]
    bounds, _ = part_of(whole, outputs, wanted=given)
    exact, _ = part_of(whole, inputs, given=taken)
    return bounds, exact


def _worth(factors: Stored, candidates: int, form: Form) -> bool:
    columns, d = factors.dims
    least, each = form.worth
    return columns * d > least + each * candidates


def _places(graph: Graph, n_items: int) -> _Places | None:
    """None where the graph is more than a product, what one sparse generator adds, its mask and the best of it, or has
    names that the screen takes.
    """
    place = product_place(graph)
    names = {name for node in graph.nodes for name in node.outputs} | {stored.name for stored in graph.tensors}
    if place is None or any(name.startswith(PREFIX) for name in names):
        return None
    product = graph.nodes[place]
    factors = next((stored for stored in graph.tensors if stored.name == product.inputs[1]), None)
    if factors is None or factors.element != FLOAT or len(factors.dims) != 2:
        return None
    plain = product.numbers.items() <= {("transA", 0), ("transB", 1)} and set(product.reals.values()) <= {1.0}
    if not plain or not product.numbers.get("transB") or factors.dims[0] % BLOCK or factors.dims[0] < n_items:
        return None
    later = depending(graph, product.outputs)
    read = [graph.nodes[number] for number in later]
    added = read.pop(0) if adds(read[0]) else None
    mask, *rest = read
    return _Places(product, added, mask, factors, {place, *later}) if is_top_k(rest, mask.outputs[0]) else None
