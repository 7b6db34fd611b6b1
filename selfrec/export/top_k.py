"""The graph's top-k in two stages: first the best blocks of items, then the best items of these blocks.

Exact, ties included: an item of a block that is not among the K best blocks has K items at least as good before it.
"""

from __future__ import annotations

import numpy as np
from onnx import GraphProto, NodeProto, helper, numpy_helper

from selfrec.export.editing import replace_nodes
from selfrec.graph.surface import TOP_K
from selfrec.pipeline.recommender import BLOCK

WORTH, WORTH_FIXED = 2, 4
"""Blocks a list slot from which two stages cost less than one; a list's K is mostly set lower when it is used."""


def name_list_length(graph: GraphProto, scores: str) -> None:
    """Give the K of the TopK that yields the output `scores` the name that scorers look for."""
    node = _producer(graph, scores)
    length = None if node is None else next((t for t in graph.initializer if t.name == node.input[1]), None)
    if node is None or length is None:
        return
    values = numpy_helper.to_array(length).reshape(1)
    graph.initializer.append(numpy_helper.from_array(values, TOP_K))
    node.input[1] = TOP_K


def gather_by_row(graph: GraphProto) -> None:
    """Rewrite GatherElements along the second of two axes as GatherND, which onnx's reference evaluator gets right
    for more than 64 columns too.
    """
    ranks = {
        value.name: len(value.type.tensor_type.shape.dim) for value in [*graph.value_info, *graph.input, *graph.output]
    }
    nodes: list[NodeProto] = []
    for node in graph.node:
        axis = next((attribute.i for attribute in node.attribute if attribute.name == "axis"), 0)
        if node.op_type != "GatherElements" or axis not in (1, -1) or ranks.get(node.input[0]) != 2:
            nodes.append(node)
            continue
        data, places = node.input
        indices = f"{node.output[0]}_places"
        nodes.append(helper.make_node("Unsqueeze", [places, "place_axis"], [indices]))
        nodes.append(helper.make_node("GatherND", [data, indices], list(node.output), batch_dims=1))
    if len(nodes) > len(graph.node):
        graph.initializer.append(numpy_helper.from_array(np.array([2], dtype=np.int64), "place_axis"))
        replace_nodes(graph, nodes)


def in_two_stages(graph: GraphProto, columns: int) -> None:
    """Rewrite every TopK over all items (`columns`, a multiple of BLOCK) whose K is small enough to gain by it."""
    lengths = {tensor.name: tensor for tensor in graph.initializer}
    widths = {value.name: value.type.tensor_type.shape.dim for value in [*graph.value_info, *graph.output]}
    nodes: list[NodeProto] = []
    for node in graph.node:
        length = lengths.get(node.input[1]) if node.op_type == "TopK" else None
        shape = None if length is None else widths.get(node.input[0])
        wide = shape is not None and len(shape) == 2 and shape[1].dim_value == columns
        largest = all(attribute.i == 1 for attribute in node.attribute if attribute.name == "largest")
        if length is None or not wide or not largest:
            nodes.append(node)
            continue
        k = int(numpy_helper.to_array(length).reshape(-1)[0])
        worth = WORTH if node.input[1] == TOP_K else WORTH_FIXED
        nodes.extend(_two_stages(node, len(nodes)) if columns >= worth * k * BLOCK else [node])
    if len(nodes) == len(graph.node):
        return
    constants = {
        "block_shape": np.array([0, columns // BLOCK, BLOCK], dtype=np.int64),
        "block_axis": np.array([2], dtype=np.int64),
        "block_size": np.array(BLOCK, dtype=np.int64),
    }
    graph.initializer.extend(numpy_helper.from_array(value, name) for name, value in constants.items())
    replace_nodes(graph, nodes)


def in_one_stage(graph: GraphProto) -> None:
    """Undo `in_two_stages`, for a graph whose columns change."""
    nodes: list[NodeProto] = []
    before = list(graph.node)
    while before:
        node = before.pop(0)
        if node.op_type == "Reshape" and node.input[1] == "block_shape" and node.output[0].startswith("block_"):
            group = [node, *before]
            last = next(place for place, other in enumerate(group) if other.op_type == "Add")
            items, best = group[last].output[0], [other for other in group[:last] if other.op_type == "TopK"]
            node = helper.make_node("TopK", [node.input[0], best[0].input[1]], [best[-1].output[0], items], axis=1)
            before = group[last + 1 :]
        nodes.append(node)
    used = {name for node in nodes for name in node.input}
    for tensor in [tensor for tensor in graph.initializer if tensor.name not in used]:
        graph.initializer.remove(tensor)
    replace_nodes(graph, nodes)


def _two_stages(node: NodeProto, number: int) -> list[NodeProto]:
    """The kept blocks are put in the order of their numbers, so that equal scores fall to the lower item number."""
    masked, length = node.input
    scores, items = (name or f"block_{number}_unused_{place}" for place, name in enumerate(node.output))

    def name(what: str) -> str:
        return f"block_{number}_{what}"

    make = helper.make_node
    return [
        make("Reshape", [masked, "block_shape"], [name("scores")]),
        make("ReduceMax", [name("scores"), "block_axis"], [name("best")], keepdims=0),
        make("TopK", [name("best"), length], [name("best_values"), name("best_blocks")]),
        make("TopK", [name("best_blocks"), length], [name("kept"), name("kept_order")], largest=0),
        make("Unsqueeze", [name("kept"), "block_axis"], [name("kept_places")]),
        make("GatherND", [name("scores"), name("kept_places")], [name("kept_scores")], batch_dims=1),
        make("Flatten", [name("kept_scores")], [name("candidates")], axis=1),
        make("TopK", [name("candidates"), length], [scores, name("places")]),
        make("Div", [name("places"), "block_size"], [name("place_block")]),
        make("Unsqueeze", [name("place_block"), "block_axis"], [name("place_block_places")]),
        make("GatherND", [name("kept"), name("place_block_places")], [name("item_block")], batch_dims=1),
        make("Mul", [name("item_block"), "block_size"], [name("item_start")]),
        make("Mod", [name("places"), "block_size"], [name("place_inside")]),
        make("Add", [name("item_start"), name("place_inside")], [items]),
    ]


def _producer(graph: GraphProto, output: str) -> NodeProto | None:
    return next((node for node in graph.node if node.op_type == "TopK" and output in node.output), None)
