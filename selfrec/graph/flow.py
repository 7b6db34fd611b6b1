"""What a graph does, followed from node to node: whole numbers that are divided, tensors that come from nothing.

Onnxruntime turns most failures into exceptions, but a whole number divided by 0, or the least one by -1, raises a
signal of the processor that nothing catches.
"""

from __future__ import annotations

import math

from selfrec.errors import ModelError
from selfrec.graph.reading import Graph, Node, Stored

_WIDTHS = {2: 1, 3: 1, 4: 2, 5: 2, 6: 4, 7: 8, 12: 4, 13: 8}
"""Bytes of the element types that are whole numbers."""

_SIGNED = frozenset((3, 5, 6, 7))
_LONGEST_SHAPE = 4096
"""Most integers of a stored tensor that are looked at one by one: divisors and shapes are short."""

_SIZES = {"ConstantOfShape": (0,), "Expand": (1,), "Pad": (1,), "Range": (0, 1), "Tile": (1,)}
"""Operations that make more than they are given, and which of their operands say how much."""

MOST_FILLED = 2**28
"""Most elements that a stored shape may ask for."""

_TRUTHS = frozenset(["And", "Equal", "Greater", "GreaterOrEqual", "IsInf", "IsNaN", "Less", "LessOrEqual", "Not", "Or"])
_INTEGER, _OTHER = True, False


def check_flow(graph: Graph) -> None:
    """Every name is made once, before it is used; whole numbers are divided by stored numbers above 0 alone; no stored
    shape asks for a giant. Raises ModelError.
    """
    constants = {tensor.name: tensor for tensor in graph.tensors}
    if len(constants) != len(graph.tensors):
        raise ModelError("the graph has two stored tensors of one name")
    kinds = {name: kind.element in _WIDTHS for name, kind in graph.inputs.items()}
    kinds |= {name: tensor.element in _WIDTHS for name, tensor in constants.items()}
    for node in graph.nodes:
        for name in node.inputs:
            if name and name not in kinds:
                raise ModelError(f"an operation {node.op!r} uses {name!r} before anything makes it")
        _check_division(node, kinds, constants)
        _check_filling(node, constants)
        for place, name in enumerate(node.outputs):
            if name in kinds:
                raise ModelError(f"the graph makes {name!r} twice")
            if name:
                kinds[name] = _kind(node, place, kinds)
        if node.op == "Constant" and node.constant is not None:
            constants[node.outputs[0]] = node.constant
    for name in graph.outputs:
        if name not in kinds:
            raise ModelError(f"nothing makes the output {name!r}")


def _kind(node: Node, place: int, kinds: dict[str, bool]) -> bool:
    """Whether an output is of whole numbers."""
    if node.op in _TRUTHS:
        return _OTHER
    if node.op == "Shape" or (node.op == "TopK" and place == 1):
        return _INTEGER
    if node.op == "Cast":
        return node.numbers.get("to", 0) in _WIDTHS
    if node.op in ("Constant", "ConstantOfShape"):
        return node.constant is not None and node.constant.element in _WIDTHS
    # All others give what their first operand is; the first input of Where is the condition.
    operand = node.inputs[node.op == "Where"] if len(node.inputs) > (node.op == "Where") else ""
    return kinds.get(operand, _OTHER)


def _check_division(node: Node, kinds: dict[str, bool], constants: dict[str, Stored]) -> None:
    if not any(kinds.get(name, _OTHER) for name in node.inputs[:2]):
        return
    if node.op == "ReduceMean" and kinds.get(node.inputs[0]):
        raise ModelError("the graph takes a mean of whole numbers, which fails where there are none; cast them first")
    if node.op in ("Div", "Mod"):
        divisor = constants.get(node.inputs[1]) if len(node.inputs) == 2 else None
        if divisor is None or not all(value > 0 for value in _values(divisor) or [0]):
            raise ModelError(
                f"the graph divides whole numbers ({node.op}) by something else than stored numbers above 0; "
                "cast them to float first"
            )


def _check_filling(node: Node, constants: dict[str, Stored]) -> None:
    """The size of what is made from numbers in the graph alone; all else is bounded when it runs."""
    for place in _SIZES.get(node.op, ()):
        tensor = constants.get(node.inputs[place]) if place < len(node.inputs) else None
        size = 0 if tensor is None else math.prod(max(1, abs(value)) for value in _values(tensor) or [])
        if size > MOST_FILLED:
            raise ModelError(f"the graph makes a tensor of {size:,} elements from nothing ({node.op})")


def _values(tensor: Stored) -> list[int] | None:
    """The stored integers; None where they are none, or stored in another form."""
    width = _WIDTHS.get(tensor.element)
    if width is None or tensor.data is None or len(tensor.data) > _LONGEST_SHAPE * width:
        return None
    content = bytes(tensor.data)
    signed = tensor.element in _SIGNED
    return [int.from_bytes(content[at : at + width], "little", signed=signed) for at in range(0, len(content), width)]
