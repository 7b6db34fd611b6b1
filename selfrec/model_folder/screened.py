"""The graph with a first product in 8 bits: it bounds every item's score, and the few that may be in a list are scored
as before. The lists are those of the graph; their scores are summed in another order, so the last bits may differ.

    8-bit bounds of all items -> mask -> the C highest -> their scores in float32 -> the k best

Whether the k-th best score is above the bound of all that was left out is an output, for each user; where it is not,
the graph itself has to be asked. Where a processor multiplies bytes (see scoring/processor.py) the first product takes
a third of the time of the one in float32, which is most of a job on a large catalog [measured].
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from selfrec.histories import Float32
from selfrec.model_folder.building import entry, opset, output
from selfrec.model_folder.bytes_table import bytes_table
from selfrec.model_folder.graph import FLOAT, Graph, Node, Stored, read_graph
from selfrec.model_folder.screen import BLOCK, CANDIDATES, MICROSOFT, SURE, Screen
from selfrec.model_folder.surface import TOP_K
from selfrec.model_folder.unbiased import product_place
from selfrec.model_folder.wire import Pieces, blob, field_of, fields, number, varint_of

_TWO_STAGES = (
    *("Reshape", "ReduceMax", "TopK", "TopK", "Unsqueeze", "GatherND", "Flatten", "TopK"),
    *("Div", "Unsqueeze", "GatherND", "Mul", "Mod", "Add"),
)
"""What selfrec.export.top_k.in_two_stages writes."""
_MOST_BYTES = 2**31 - 2**20


_WIDER = 8
"""How many times as many candidates make the others sure."""


@dataclass(frozen=True)
class Screened:
    """A graph with a screen; its further input is CANDIDATES, its further output SURE."""

    content: bytes
    """The ONNX file."""
    candidates: tuple[int, ...]
    """What C may be: the first for all users, the next for those of whom it is not sure, and so on."""


@dataclass(frozen=True)
class _Places:
    """Where in the graph the parts stand that the screen replaces."""

    product: Node
    mask: Node
    factors: Stored
    replaced: set[int]
    """Numbers of the operations from the product on."""


def _candidates(k: int) -> int:
    """C, with which all users of fitted models are sure, and .95 of those of models drawn at random [measured]."""
    return 20 + k * 6 // 5


def screened(content: memoryview, n_items: int, k: int, *, forced: bool = False) -> Screened | None:
    """The file that gives lists of k of a graph that is one product and the best of it; None for any other.

    None too where a screen costs more than it spares, unless forced.
    """
    places = _places(read_graph(content), n_items)
    if places is None:
        return None
    blocks, few = places.factors.dims[0] // BLOCK, _candidates(k)
    if blocks < few or not (forced or _worth(places.factors, few)):
        return None
    table = bytes_table(_values(places.factors), n_items)
    if table is None:
        return None
    query, factors, bias = places.product.inputs
    screen = Screen(table, query=query, factors=factors, bias=bias, mask=(places.mask.inputs[1], places.mask.inputs[2]))
    screen.write(places.factors.dims[0], k)
    pieces = _file(content, places.replaced, screen.fields)
    if sum(map(len, pieces)) > _MOST_BYTES:
        return None
    return Screened(b"".join(pieces), tuple(sorted({few, min(_WIDER * few, blocks)})))


def _worth(factors: Stored, candidates: int) -> bool:
    """Whether two thirds of the product are more than finding candidates and scoring them, in its terms [measured]."""
    columns, d = factors.dims
    return columns * d > 90_000 * candidates


def _places(graph: Graph, n_items: int) -> _Places | None:
    place = product_place(graph)
    if place is None:
        return None
    product = graph.nodes[place]
    factors = next((stored for stored in graph.tensors if stored.name == product.inputs[1]), None)
    if factors is None or factors.element != FLOAT or factors.data is None or len(factors.dims) != 2:
        return None
    plain = product.numbers.items() <= {("transA", 0), ("transB", 1)} and set(product.reals.values()) <= {1.0}
    if not plain or not product.numbers.get("transB") or factors.dims[0] % BLOCK or factors.dims[0] < n_items:
        return None
    made, later = set(product.outputs), []
    for number_of, node in enumerate(graph.nodes):
        if made & set(node.inputs):
            made |= set(node.outputs)
            later.append(number_of)
    mask, *rest = (graph.nodes[number_of] for number_of in later)
    return _Places(product, mask, factors, {place, *later}) if _is_top_k(rest, mask.outputs[0]) else None


def _is_top_k(nodes: list[Node], masked: str) -> bool:
    """Whether these operations are the k best of the masked scores, as an export writes them, and nothing else."""
    best = [node for node in nodes if node.op == "TopK"]
    if not best or nodes[0].inputs[0] != masked or {node.inputs[1] for node in best} != {TOP_K}:
        return False
    names = (best[-1].outputs[0], nodes[-1].outputs[-1])
    return names == ("scores", "items") and tuple(node.op for node in nodes) in (("TopK",), _TWO_STAGES)


def _values(stored: Stored) -> Float32:
    assert stored.data is not None
    return np.frombuffer(stored.data, dtype="<f4").reshape(stored.dims)


def _file(content: memoryview, replaced: set[int], screen: list[Pieces]) -> Pieces:
    """The old file without the operations that are replaced, and with the screen."""
    parts: list[Pieces] = [opset(MICROSOFT, 1)]
    for tag, value in fields(content):
        if tag == 1:
            parts.append(varint_of(tag, number(value)))
        elif tag == 8:
            parts.append(field_of(tag, [blob(value)]))
        elif tag == 7:
            surface = [entry(CANDIDATES, (np.dtype(np.int64), (1,))), output(SURE, (np.dtype(np.bool_), ("batch", 1)))]
            inside = [*_kept(blob(value), replaced), *screen, *surface]
            parts.append(field_of(tag, [piece for part in inside for piece in part]))
    return [piece for part in parts for piece in part]


def _kept(graph: memoryview, replaced: set[int]) -> list[Pieces]:
    parts, place = [], 0
    for tag, value in fields(graph):
        if tag != 1 or place not in replaced:
            parts.append(field_of(tag, [blob(value)]))
        place += tag == 1
    return parts
