"""Walks on a graph of six operations, each of which has one letter as its output.

history -> a -> b -> c -> d        c and e -> f
           a -> e
"""

from __future__ import annotations

from selfrec.graph.reading import FLOAT, INT64, Graph, Node, Stored
from selfrec.graph_rewrites.walks import between, depending, makers, needed, readings, table_widths


def node(inputs: str, outputs: str) -> Node:
    return Node("Add", tuple(inputs.split(",")), tuple(outputs.split(",")), {}, {}, {}, None)


GRAPH = Graph(
    nodes=[node("history", "a"), node("a", "b"), node("b,", "c"), node("c", "d,"), node("a", "e"), node("c,e", "f")],
    tensors=[
        Stored("table", FLOAT, (60, 8), None),
        Stored("vector", FLOAT, (60,), None),
        Stored("numbers", INT64, (60, 8), None),
    ],
)


def test_what_a_name_depends_on() -> None:
    assert needed(GRAPH.nodes, ["c"]) == ({"history", "a", "b", "c"}, {0, 1, 2})
    assert needed(GRAPH.nodes, ["f"]).places == {0, 1, 2, 4, 5}


def test_no_further_than_what_is_given() -> None:
    assert needed(GRAPH.nodes, ["f"], given=["c"]) == ({"history", "a", "e", "f"}, {0, 4, 5})
    assert needed(GRAPH.nodes, ["c"], given=["c"]) == (set(), set())


def test_an_operand_that_is_left_out_is_no_name() -> None:
    """The third operation has no second operand, and the fourth no second output."""
    assert "" not in needed(GRAPH.nodes, ["d"]).names
    assert needed(GRAPH.nodes, ["c"]).places == {0, 1, 2}
    assert depending(GRAPH, ["d"]) == []


def test_what_depends_on_a_name() -> None:
    assert depending(GRAPH, ["b"]) == [2, 3, 5]
    assert depending(GRAPH, ["d", "e"]) == [5]


def test_the_ways_between_two_names() -> None:
    assert [one.outputs[0] for one in between(GRAPH, "a", "f")] == ["b", "c", "e", "f"]
    assert between(GRAPH, "d", "f") == []


def test_who_makes_and_who_reads_a_name() -> None:
    assert makers(GRAPH)["e"] is GRAPH.nodes[4]
    assert readings(GRAPH)["a"] == 2
    assert readings(GRAPH)["f"] == 0


def test_tables_are_stored_float32_in_two_dimensions() -> None:
    assert table_widths(GRAPH) == {"table": 8}
