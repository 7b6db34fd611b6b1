"""What an ONNX file holds, found without the onnx package: operations, tensors, inputs and outputs.

Field numbers are those of onnx.proto3 (https://github.com/onnx/onnx/blob/main/onnx/onnx.proto3). Fields that a model
of selfrec has no use for are refused, not skipped.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field

import numpy as np

from selfrec.errors import ModelError
from selfrec.graph.ops import ALLOWED_OPS, OPSET
from selfrec.graph.wire import Value, blob, fields, number, text, varints

FLOAT, INT64 = 1, 7
ELEMENTS = {
    number: np.dtype(name)
    for number, name in {1: "<f4", 2: "u1", 3: "i1", 6: "<i4", 7: "<i8", 9: "?", 10: "<f2", 11: "<f8"}.items()
}
"""Element types that selfrec graphs have, by their numbers in the format."""

_MAX_NODES = 100_000
_DEFAULT_DOMAINS = ("", "ai.onnx")


@dataclass(frozen=True)
class TensorType:
    """An input's or output's element type and shape; a dimension is a number or a name."""

    element: int
    shape: tuple[int | str, ...]


@dataclass(frozen=True)
class Stored:
    """A constant tensor of the graph."""

    name: str
    element: int
    dims: tuple[int, ...]
    data: memoryview | None
    """Its raw bytes inside the graph, None where they are stored in another form or outside."""
    location: str | None = None
    """Name of the file it is in, when it is outside."""
    offset: int = 0
    length: int | None = None

    @property
    def size(self) -> int:
        """Bytes it takes in memory."""
        count = 1
        for dim in self.dims:
            count *= dim
        return count * ELEMENTS[self.element].itemsize


@dataclass(frozen=True)
class Node:
    """One operation, with what is checked of it."""

    op: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    numbers: dict[str, int]
    """Its integer attributes."""
    reals: dict[str, float]
    """Its float attributes."""
    words: dict[str, str]
    """Its text attributes."""
    constant: Stored | None
    """The tensor among its attributes: what a Constant is."""


@dataclass
class Graph:
    """All that is checked of a graph."""

    nodes: list[Node] = field(default_factory=list)
    tensors: list[Stored] = field(default_factory=list)
    """Initializers."""
    inputs: dict[str, TensorType] = field(default_factory=dict)
    outputs: dict[str, TensorType] = field(default_factory=dict)

    @property
    def external(self) -> list[Stored]:
        """The tensors that are outside the file."""
        return [tensor for tensor in self.tensors if tensor.location is not None]


def read_graph(content: memoryview) -> Graph:
    """Check a model file field by field and say what is in it. Raises ModelError."""
    graphs: list[memoryview] = []
    opsets: list[tuple[str, int]] = []
    for tag, value in fields(content):
        if tag == 7:
            graphs.append(blob(value))
        elif tag == 8:
            opsets.append(_opset(blob(value)))
        elif tag == 25:
            raise ModelError("the graph defines a local function; selfrec graphs hold none")
        elif tag not in (1, 2, 3, 4, 5, 6, 14):
            raise ModelError(f"the graph has a part (field {tag}) that selfrec graphs have not")
    if len(graphs) != 1:
        raise ModelError(f"the file holds {len(graphs)} graphs; a model has one")
    if opsets != [("", OPSET)]:
        found = ", ".join(f"{domain or 'ai.onnx'} {version}" for domain, version in opsets) or "none"
        raise ModelError(f"the graph uses opset {found}; selfrec graphs use ai.onnx {OPSET} alone")
    return _graph(graphs[0])


def _opset(message: memoryview) -> tuple[str, int]:
    domain, version = "", 0
    for tag, value in fields(message):
        if tag == 1:
            domain = text(value)
        elif tag == 2:
            version = number(value)
    return ("" if domain in _DEFAULT_DOMAINS else domain), version


def _graph(message: memoryview) -> Graph:
    graph = Graph()
    for tag, value in fields(message):
        if tag == 1:
            graph.nodes.append(_node(blob(value)))
            if len(graph.nodes) > _MAX_NODES:
                raise ModelError(f"the graph has more than {_MAX_NODES:,} operations")
        elif tag == 5:
            graph.tensors.append(stored_tensor(blob(value)))
        elif tag in (11, 12):
            name, kind = value_info(blob(value))
            known = graph.inputs if tag == 11 else graph.outputs
            if name in known:
                raise ModelError(f"the graph has two tensors {name!r}")
            known[name] = kind
        elif tag not in (2, 10, 13, 16):
            raise ModelError(f"the graph has a part (graph field {tag}) that selfrec graphs have not")
    return graph


def _node(message: memoryview) -> Node:
    op, domain = "", ""
    names: dict[int, list[str]] = {1: [], 2: []}
    numbers: dict[str, int] = {}
    reals: dict[str, float] = {}
    words: dict[str, str] = {}
    constant: Stored | None = None
    for tag, value in fields(message):
        if tag in names:
            names[tag].append(text(value))
        elif tag == 4:
            op = text(value)
        elif tag == 7:
            domain = text(value)
        elif tag == 5:
            name, content = _attribute(blob(value))
            if isinstance(content, Stored):
                constant = content
            elif isinstance(content, float):
                reals[name] = content
            elif isinstance(content, str):
                words[name] = content
            elif content is not None:
                numbers[name] = content
        elif tag not in (3, 6, 9):
            raise ModelError(f"an operation {op!r} has a part (field {tag}) that selfrec graphs have not")
    if domain not in _DEFAULT_DOMAINS:
        raise ModelError(f"the graph uses {domain}.{op}; selfrec graphs use operations of ai.onnx alone")
    if op not in ALLOWED_OPS:
        raise ModelError(f"the graph uses the operation {op!r}, which is not on selfrec's list of allowed operations")
    return Node(op, tuple(names[1]), tuple(names[2]), numbers, reals, words, constant)


def _attribute(message: memoryview) -> tuple[str, Stored | int | float | str | None]:
    """Name, and the integer, float, text or tensor that the attribute is."""
    name = ""
    content: Stored | int | float | str | None = None
    for tag, value in fields(message):
        if tag == 1:
            name = text(value)
        elif tag in (6, 11):
            raise ModelError(f"an operation holds a graph of its own ({name}); selfrec graphs have no control flow")
        elif tag == 5:
            content = stored_tensor(blob(value))
            if content.location is not None:
                raise ModelError(f"the attribute {name!r} is stored outside the graph")
        elif tag == 3:
            content = number(value)
        elif tag == 2 and not isinstance(value, int) and len(value) == 4:
            [content] = struct.unpack("<f", value)
        elif tag == 4:
            content = text(value)
        elif tag not in (2, 7, 8, 9, 13, 20):
            raise ModelError(f"the attribute {name!r} has a part (field {tag}) that selfrec graphs have not")
    return name, content


def stored_tensor(message: memoryview) -> Stored:
    """What a TensorProto holds. Raises ModelError."""
    dims: list[int] = []
    element, name, outside = 0, "", False
    raw: memoryview | None = None
    typed: dict[int, int] = {}
    place: dict[str, str] = {}
    for tag, value in fields(message):
        if tag == 1:
            dims += varints(value)
        elif tag == 2:
            element = number(value)
        elif tag == 8:
            name = text(value)
        elif tag == 9:
            raw = blob(value)
        elif tag in (4, 5, 7, 10, 11):
            typed[tag] = typed.get(tag, 0) + _values(tag, value)
        elif tag == 13:
            place.update([_entry(blob(value))])
        elif tag == 14:
            outside = number(value) == 1
        elif tag not in (12, 16):
            raise ModelError(f"the tensor {name!r} has a part (field {tag}) that selfrec graphs have not")
    if element not in ELEMENTS:
        raise ModelError(f"the tensor {name!r} has element type {element}, which selfrec graphs have not")
    if any(dim < 0 for dim in dims):
        raise ModelError(f"the tensor {name!r} has a negative dimension")
    if outside or place:
        return _outside(name, element, tuple(dims), place)
    stored = Stored(name, element, tuple(dims), raw)
    count = stored.size // ELEMENTS[element].itemsize
    held = len(raw) // ELEMENTS[element].itemsize if raw is not None else sum(typed.values())
    if held != count or (raw is not None and len(raw) != stored.size):
        raise ModelError(f"the tensor {name!r} of shape {dims} holds {held} values, not {count}")
    return stored


def _values(tag: int, value: Value) -> int:
    """How many elements a typed data field holds."""
    width = {4: 4, 10: 8}.get(tag)
    if width is None:
        return len(varints(value))
    return len(blob(value)) // width


def _outside(name: str, element: int, dims: tuple[int, ...], place: dict[str, str]) -> Stored:
    unknown = set(place) - {"location", "offset", "length", "checksum"}
    if "location" not in place or unknown:
        raise ModelError(f"the tensor {name!r} is stored outside the graph in a way selfrec does not know")
    try:
        offset, length = int(place.get("offset", "0")), int(place.get("length", "-1"))
    except ValueError as error:
        raise ModelError(f"the tensor {name!r} has no readable offset or length") from error
    stored = Stored(name, element, dims, None, place["location"], offset, None if length < 0 else length)
    if offset < 0 or (stored.length is not None and stored.length != stored.size):
        raise ModelError(f"the tensor {name!r} takes {stored.size:,} bytes, but {length:,} are set aside for it")
    return stored


def _entry(message: memoryview) -> tuple[str, str]:
    key = value = ""
    for tag, content in fields(message):
        if tag == 1:
            key = text(content)
        elif tag == 2:
            value = text(content)
    return key, value


def value_info(message: memoryview) -> tuple[str, TensorType]:
    """Name, element type and shape of an input or output. Raises ModelError."""
    name, kind = "", None
    for tag, value in fields(message):
        if tag == 1:
            name = text(value)
        elif tag == 2:
            for type_tag, tensor in fields(blob(value)):
                if type_tag == 1:
                    kind = _tensor_type(blob(tensor))
    if kind is None:
        raise ModelError(f"{name!r} of the graph is no tensor")
    return name, kind


def _tensor_type(message: memoryview) -> TensorType:
    element, shape = 0, []
    for tag, value in fields(message):
        if tag == 1:
            element = number(value)
        elif tag == 2:
            shape = [_dimension(blob(dim)) for dim_tag, dim in fields(blob(value)) if dim_tag == 1]
    return TensorType(element, tuple(shape))


def _dimension(message: memoryview) -> int | str:
    for tag, value in fields(message):
        if tag == 1:
            return number(value)
        if tag == 2:
            return text(value)
    return ""
