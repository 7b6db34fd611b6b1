"""Writes parts of an ONNX file, no more than the scorer's own graphs ask for and without the onnx package.

Field numbers are those of onnx.proto3 (https://github.com/onnx/onnx/blob/main/onnx/onnx.proto3). A part is the pieces
that make it up, so that a table of any size is copied once, when all is put together.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from selfrec.graph.ops import OPSET
from selfrec.graph.reading import ELEMENTS
from selfrec.graph.wire import Pieces, field_of, varint_of

Kind: TypeAlias = tuple[np.dtype[Any], tuple[int | str, ...] | None]
"""Element type and shape; a dimension is a number or a name. None: any shape."""

_NUMBERS = {kind.name: number for number, kind in ELEMENTS.items()}
_WHOLE_NUMBER, _TEXT = 2, 3
_FORMAT = 8
"""The oldest version of the format that has all of this."""
_INPUT, _OUTPUT = 11, 12


def node(op: str, inputs: list[str], outputs: list[str], *, domain: str = "", **attributes: int | str) -> Pieces:
    """A field of a graph: one operation, with attributes that are whole numbers or text. An input "" is left out."""
    parts = [field_of(1, [name.encode()]) for name in inputs]
    parts += [field_of(2, [name.encode()]) for name in outputs]
    parts += [field_of(4, [op.encode()]), field_of(7, [domain.encode()])]
    for name, value in attributes.items():
        if isinstance(value, str):
            content = [field_of(4, [value.encode()]), varint_of(20, _TEXT)]
        else:
            content = [varint_of(3, value), varint_of(20, _WHOLE_NUMBER)]
        parts.append(field_of(5, _joined([field_of(1, [name.encode()]), *content])))
    return field_of(1, _joined(parts))


def tensor(name: str, values: npt.ArrayLike) -> Pieces:
    """A field of a graph: a constant."""
    array = np.ascontiguousarray(values)
    parts = [varint_of(1, length) for length in np.shape(values)]
    parts += [varint_of(2, _NUMBERS[array.dtype.name]), field_of(8, [name.encode()])]
    parts.append(field_of(9, [array.reshape(-1).view(np.uint8).data]))
    return field_of(5, _joined(parts))


def placeholder(name: str, values: npt.NDArray[Any]) -> Pieces:
    """A field of a graph: a constant of this type and shape that the session is given."""
    parts = [varint_of(1, length) for length in values.shape]
    parts += [varint_of(2, _NUMBERS[values.dtype.name]), field_of(8, [name.encode()])]
    place = [field_of(1, [b"location"]), field_of(2, [b"memory"])]
    return field_of(5, _joined([*parts, field_of(13, _joined(place)), varint_of(14, 1)]))


def entry(name: str, kind: Kind) -> Pieces:
    """A field of a graph: an input."""
    return field_of(_INPUT, _value(name, kind))


def output(name: str, kind: Kind) -> Pieces:
    """A field of a graph: an output."""
    return field_of(_OUTPUT, _value(name, kind))


def named_output(name: str) -> Pieces:
    """The same of whatever type and shape it turns out to have."""
    return field_of(_OUTPUT, field_of(1, [name.encode()]))


def opset(domain: str, version: int) -> Pieces:
    """A field of a model: operations of this domain may be used."""
    return field_of(8, _joined([field_of(1, [domain.encode()]), varint_of(2, version)]))


def graph_file(parts: Iterable[Pieces], *, inputs: Mapping[str, Kind], outputs: Mapping[str, Kind]) -> bytes:
    """A whole file of these operations and constants."""
    surface = [entry(name, kind) for name, kind in inputs.items()]
    surface += [output(name, kind) for name, kind in outputs.items()]
    graph = field_of(7, _joined([*parts, field_of(2, [b"graph"]), *surface]))
    return b"".join(_joined([varint_of(1, _FORMAT), opset("", OPSET), graph]))


def _value(name: str, kind: Kind) -> Pieces:
    element, shape = kind
    tensor_type = varint_of(1, _NUMBERS[element.name])
    if shape is not None:
        sizes = [varint_of(1, size) if isinstance(size, int) else field_of(2, [size.encode()]) for size in shape]
        tensor_type = [*tensor_type, *field_of(2, _joined(field_of(1, size) for size in sizes))]
    return _joined([field_of(1, [name.encode()]), field_of(2, field_of(1, tensor_type))])


def _joined(parts: Iterable[Pieces]) -> Pieces:
    return [piece for part in parts for piece in part]
