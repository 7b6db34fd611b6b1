"""The graph up to its scores, for a scorer that masks them and selects the best itself (see scoring/selecting.py).

    inputs -> scores, added, mask;        the best are the lists, or a ranker's candidates -> the rest -> items, scores

It ends before what sparse generators add and before the mask, both of which numpy does in place: an output of a graph
cannot be changed in place by the graph.
"""

from __future__ import annotations

from dataclasses import dataclass

from selfrec.graph.building import named_output
from selfrec.graph.reading import Node, read_graph
from selfrec.graph.surface import TOP_K
from selfrec.graph_rewrites.cutting import part_of
from selfrec.graph_rewrites.edited import Edited
from selfrec.graph_rewrites.ranked import TWO_STAGES, Ranked, find_ranked
from selfrec.graph_rewrites.sparse import Added, without_added
from selfrec.graph_rewrites.walks import depending


@dataclass(frozen=True)
class Scored:
    """A graph that ends before its mask."""

    graph: Edited
    scores: str
    """Its output float32[B, columns]."""
    mask: tuple[str, str]
    """Its outputs int64[B, X] items that are masked, float32[B, X] what they get."""
    added: tuple[Added, ...] = ()
    """Its outputs that are to be added to the scores before, in order."""
    ranked: Ranked | None = None
    """None where the lists are the best scores."""


def scored(edited: Edited) -> Scored | None:
    """None for a graph that does more with its masked scores than to take the best, as lists or as candidates."""
    graph = read_graph(memoryview(edited.content))
    masks = [node for node in graph.nodes if node.op == "ScatterElements" and node.words.get("reduction") != "add"]
    if not masks or masks[-1].numbers.get("axis") != 1:
        return None
    mask, ranked = masks[-1], None
    if not is_top_k([graph.nodes[place] for place in depending(graph, mask.outputs)], mask.outputs[0]):
        ranked = find_ranked(edited, graph, mask)
        if ranked is None:
            return None
    masked, items, values = mask.inputs
    scores, added = without_added(graph, masked)
    every = (name for one in added for name in one)
    wanted = dict.fromkeys([scores, items, values, *every, *(ranked.wanted if ranked else ())])
    part, _ = part_of(edited, [piece for name in wanted for piece in named_output(name)], wanted=wanted)
    return Scored(part, scores, (items, values), added, ranked)


def is_top_k(nodes: list[Node], masked: str) -> bool:
    """Whether these operations are the k best of the masked scores, as an export writes them, and nothing else."""
    best = [node for node in nodes if node.op == "TopK"]
    if not best or nodes[0].inputs[0] != masked or {node.inputs[1] for node in best} != {TOP_K}:
        return False
    names = (best[-1].outputs[0], nodes[-1].outputs[-1])
    return names == ("scores", "items") and tuple(node.op for node in nodes) in (("TopK",), TWO_STAGES)
