"""The graph up to its scores, for a scorer that masks them and selects the best itself (see scoring/selecting.py)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from selfrec.model_folder.building import Kind, output
from selfrec.model_folder.cutting import part_of
from selfrec.model_folder.edited import Edited
from selfrec.model_folder.graph import Graph, Node, read_graph
from selfrec.model_folder.surface import TOP_K

_TWO_STAGES = (
    *("Reshape", "ReduceMax", "TopK", "TopK", "Unsqueeze", "GatherND", "Flatten", "TopK"),
    *("Div", "Unsqueeze", "GatherND", "Mul", "Mod", "Add"),
)
"""What selfrec.export.top_k.in_two_stages writes."""


@dataclass(frozen=True)
class Scored:
    """A graph that ends before its mask."""

    graph: Edited
    scores: str
    """Its output float32[B, columns]."""
    mask: tuple[str, str]
    """Its outputs int64[B, X] items that are masked, float32[B, X] what they get."""


def scored(edited: Edited) -> Scored | None:
    """None for a graph that does more with its masked scores than to take the best, such as one with a ranker."""
    node = _mask(read_graph(memoryview(edited.content)))
    if node is None:
        return None
    scores, items, values = node.inputs
    real = np.dtype(np.float32)
    given: dict[str, Kind] = {
        scores: (real, ("batch", "columns")),
        items: (np.dtype(np.int64), ("batch", "masked")),
        values: (real, ("batch", "masked")),
    }
    part, _ = part_of(edited, [piece for name, kind in given.items() for piece in output(name, kind)], wanted=given)
    return Scored(part, scores, (items, values))


def _mask(graph: Graph) -> Node | None:
    """The operation that puts the lowest score at excluded items, where only the best of its output are asked for."""
    masks = [node for node in graph.nodes if node.op == "ScatterElements" and node.words.get("reduction") != "add"]
    if not masks or masks[-1].numbers.get("axis") != 1:
        return None
    later = [graph.nodes[place] for place in depending(graph, masks[-1].outputs)]
    return masks[-1] if is_top_k(later, masks[-1].outputs[0]) else None


def depending(graph: Graph, names: tuple[str, ...]) -> list[int]:
    """Numbers of the operations that depend on one of these, in order."""
    made, later = set(names), []
    for place, node in enumerate(graph.nodes):
        if made & set(node.inputs):
            made |= set(node.outputs)
            later.append(place)
    return later


def is_top_k(nodes: list[Node], masked: str) -> bool:
    """Whether these operations are the k best of the masked scores, as an export writes them, and nothing else."""
    best = [node for node in nodes if node.op == "TopK"]
    if not best or nodes[0].inputs[0] != masked or {node.inputs[1] for node in best} != {TOP_K}:
        return False
    names = (best[-1].outputs[0], nodes[-1].outputs[-1])
    return names == ("scores", "items") and tuple(node.op for node in nodes) in (("TopK",), _TWO_STAGES)
