"""A graph whose weights stand in a file beside it, when that file gets another name."""

from __future__ import annotations

from selfrec.graph.wire import Pieces, change_fields, fields, text

_GRAPH, _TENSOR, _OUTSIDE, _KEY, _VALUE = 7, 5, 13, 1, 2


def with_data_at(content: memoryview, name: str) -> bytes:
    """The file with `name` as the place of every tensor that is outside; all else byte for byte.

    content: an ONNX file that was checked. Raises ModelError where it is none.
    """

    def entry(message: memoryview) -> Pieces:
        said = {tag: text(value) for tag, value in fields(message)}
        if said.get(_KEY) != "location":
            return [message]
        return change_fields(message, _VALUE, lambda _: [name.encode()])

    def tensor(message: memoryview) -> Pieces:
        return change_fields(message, _OUTSIDE, entry)

    def graph(message: memoryview) -> Pieces:
        return change_fields(message, _TENSOR, tensor)

    return b"".join(change_fields(content, _GRAPH, graph))
