"""A graph that the scorer changes before it runs it: the file without its large constants, and these as views.

A session copies its constants. Put into a changed file first, they would be in memory three times over.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from selfrec.graph.building import placeholder
from selfrec.graph.onnx_fields import FORMAT_VERSION, GRAPH, NODE, OPSETS, TENSOR
from selfrec.graph.reading import ELEMENTS, Stored, stored_tensor
from selfrec.graph.wire import Pieces, blob, field_of, fields, number, varint_of

Array: TypeAlias = npt.NDArray[Any]

_LARGE = 65_536
"""Bytes from which a constant is taken out of the file."""


@dataclass(frozen=True)
class Edited:
    """What a session is made of instead of a model's own file."""

    content: bytes
    """The ONNX file, in which large constants only have names, types and shapes."""
    tensors: dict[str, Array]
    """These constants by their names; views of the model's files where they are as they were."""


@dataclass(frozen=True)
class Source:
    """A model's files."""

    content: memoryview
    """model.onnx."""
    data: memoryview | None = None
    """model.onnx.data, where there is one."""

    def values(self, stored: Stored) -> Array | None:
        """A constant's values; None where they are stored in another form than raw bytes."""
        raw = stored.data
        if stored.location is not None and self.data is not None:
            raw = self.data[stored.offset : stored.offset + stored.size]
        return None if raw is None else np.frombuffer(raw, dtype=ELEMENTS[stored.element]).reshape(stored.dims)


def edit(
    source: Source, change: Callable[[int, memoryview], Pieces | None], added: list[Pieces], before: list[Pieces]
) -> Edited:
    """The file with other operations.

    change: of the operation with this number, what is to stand in its place: its own bytes, others, or None for
    nothing. added: further fields of the graph; before: further fields of the file.
    """
    parts = list(before)
    tensors: dict[str, Array] = {}
    for tag, value in fields(source.content):
        if tag == FORMAT_VERSION:
            parts.append(varint_of(tag, number(value)))
        elif tag == OPSETS:
            parts.append(field_of(tag, [blob(value)]))
        elif tag == GRAPH:
            inside, tensors = _graph(source, blob(value), change)
            parts.append(field_of(tag, [piece for part in (*inside, *added) for piece in part]))
    return Edited(b"".join(piece for part in parts for piece in part), tensors)


def _graph(
    source: Source, message: memoryview, change: Callable[[int, memoryview], Pieces | None]
) -> tuple[list[Pieces], dict[str, Array]]:
    parts: list[Pieces] = []
    tensors: dict[str, Array] = {}
    place = 0
    for tag, value in fields(message):
        if tag == NODE:
            node = change(place, blob(value))
            parts += [] if node is None else [field_of(tag, node)]
            place += 1
            continue
        stored = stored_tensor(blob(value)) if tag == TENSOR else None
        large = stored is not None and (stored.size >= _LARGE or stored.location is not None)
        values = source.values(stored) if stored is not None and large else None
        if stored is None or values is None:
            parts.append(field_of(tag, [blob(value)]))
        else:
            tensors[stored.name] = values
            parts.append(placeholder(stored.name, values))
    return parts, tensors
