"""A graph whose weights stand in a file beside it, when that file gets another name."""

from __future__ import annotations

from selfrec.graph.onnx_fields import ENTRY_KEY, ENTRY_VALUE, GRAPH, PLACE_OUTSIDE, TENSOR
from selfrec.graph.wire import Pieces, change_fields, fields, text


def with_data_at(content: memoryview, name: str) -> bytes:
    """The file with `name` as the place of every tensor that is outside; all else byte for byte.

    content: an ONNX file that was checked. Raises ModelError where it is none.
    """

    def entry(message: memoryview) -> Pieces:
        said = {tag: text(value) for tag, value in fields(message)}
        if said.get(ENTRY_KEY) != "location":
            return [message]
        return change_fields(message, ENTRY_VALUE, lambda _: [name.encode()])

    def tensor(message: memoryview) -> Pieces:
        return change_fields(message, PLACE_OUTSIDE, entry)

    def graph(message: memoryview) -> Pieces:
        return change_fields(message, TENSOR, tensor)

    return b"".join(change_fields(content, GRAPH, graph))
