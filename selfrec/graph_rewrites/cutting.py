"""Cuts a part out of a graph: what some names depend on, and nothing else."""

from __future__ import annotations

from collections.abc import Iterable

from selfrec.graph.reading import stored_tensor
from selfrec.graph.wire import Pieces, blob, field_of, fields, text, varint_of
from selfrec.graph_rewrites.edited import Edited

_NODE, _TENSOR, _INPUT, _OUTPUT = 1, 5, 11, 12
_GRAPH = 7


def part_of(
    edited: Edited, surface: Pieces, *, wanted: Iterable[str] | None = None, given: Iterable[str] = ()
) -> tuple[Edited, tuple[str, ...]]:
    """The file of what the wanted names depend on, up to those given, and its inputs beside these.

    wanted: the outputs of the graph when None. surface: fields of the graph for new inputs and outputs.
    """
    top = list(fields(memoryview(edited.content)))
    graph = next(blob(value) for tag, value in top if tag == _GRAPH)
    parts = [(tag, blob(value)) for tag, value in fields(graph) if not isinstance(value, int)]
    outputs = {_name(message) for tag, message in parts if tag == _OUTPUT}
    needed, kept_nodes = _needed(parts, outputs if wanted is None else set(wanted), set(given))
    inputs, kept = [], list(surface)
    for place, (tag, message) in enumerate(parts):
        if tag == _NODE:
            keep = place in kept_nodes
        elif tag == _TENSOR:
            keep = stored_tensor(message).name in needed
        elif tag == _INPUT:
            name = _name(message)
            keep = name in needed
            inputs += [name] if keep else []
        elif tag == _OUTPUT:
            keep = wanted is None
        else:
            keep = True
        kept += field_of(tag, [message]) if keep else []
    whole: Pieces = []
    for tag, value in top:
        if tag == _GRAPH:
            whole += field_of(tag, kept)
        elif not isinstance(value, int):
            whole += field_of(tag, [value])
        else:
            whole += varint_of(tag, value)
    tensors = {name: values for name, values in edited.tensors.items() if name in needed}
    return Edited(b"".join(whole), tensors), tuple(inputs)


def _name(message: memoryview) -> str:
    """Of an input or output."""
    return next(text(value) for number, value in fields(message) if number == 1)


def _needed(parts: list[tuple[int, memoryview]], wanted: set[str], given: set[str]) -> tuple[set[str], set[int]]:
    """All names that these depend on, up to what is given, and the places of the operations that make them."""
    needed, kept = wanted - given, set()
    # An operation stands after those whose outputs it reads.
    for place in range(len(parts) - 1, -1, -1):
        tag, message = parts[place]
        if tag != _NODE:
            continue
        read, made = ({text(value) for number, value in fields(message) if number == field} for field in (1, 2))
        if made & needed:
            kept.add(place)
            needed |= read - given - {""}
    return needed, kept
