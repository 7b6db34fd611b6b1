"""Cuts a part out of a graph: what some names depend on, and nothing else."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import count
from typing import NamedTuple

from selfrec.graph.onnx_fields import GRAPH, INPUT, MADE, NAME, NODE, OUTPUT, READ, TENSOR
from selfrec.graph.reading import stored_tensor
from selfrec.graph.wire import Pieces, blob, field_of, fields, text, varint_of
from selfrec.graph_rewrites.edited import Edited
from selfrec.graph_rewrites.walks import needed


def part_of(
    edited: Edited, surface: Pieces, *, wanted: Iterable[str] | None = None, given: Iterable[str] = ()
) -> tuple[Edited, tuple[str, ...]]:
    """The file of what the wanted names depend on, up to those given, and its inputs beside these.

    wanted: the outputs of the graph when None. surface: fields of the graph for new inputs and outputs.
    """
    top = list(fields(memoryview(edited.content)))
    graph = next(blob(value) for tag, value in top if tag == GRAPH)
    parts = [(tag, blob(value)) for tag, value in fields(graph) if not isinstance(value, int)]
    outputs = {_name(message) for tag, message in parts if tag == OUTPUT}
    operations = [_operation(message) for tag, message in parts if tag == NODE]
    names, places = needed(operations, outputs if wanted is None else wanted, given)
    inputs, kept, numbers = [], list(surface), count()
    for tag, message in parts:
        if tag == NODE:
            keep = next(numbers) in places
        elif tag == TENSOR:
            keep = stored_tensor(message).name in names
        elif tag == INPUT:
            name = _name(message)
            keep = name in names
            inputs += [name] if keep else []
        elif tag == OUTPUT:
            keep = wanted is None
        else:
            keep = True
        kept += field_of(tag, [message]) if keep else []
    whole: Pieces = []
    for tag, value in top:
        if tag == GRAPH:
            whole += field_of(tag, kept)
        elif not isinstance(value, int):
            whole += field_of(tag, [value])
        else:
            whole += varint_of(tag, value)
    tensors = {name: values for name, values in edited.tensors.items() if name in names}
    return Edited(b"".join(whole), tensors), tuple(inputs)


def _name(message: memoryview) -> str:
    """Of an input or output."""
    return next(text(value) for number, value in fields(message) if number == NAME)


class _Operation(NamedTuple):
    """Of any domain, also of those that no model may have."""

    inputs: list[str]
    outputs: list[str]


def _operation(message: memoryview) -> _Operation:
    names: dict[int, list[str]] = {READ: [], MADE: []}
    for number, value in fields(message):
        if number in names:
            names[number].append(text(value))
    return _Operation(names[READ], names[MADE])
