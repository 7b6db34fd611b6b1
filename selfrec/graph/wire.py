"""Reads protobuf's wire format, and writes fields, no more than ONNX files ask for and without the onnx package.

https://protobuf.dev/programming-guides/encoding/ . Values stay views of the file, so a graph of any size costs no
memory. Whatever is not well formed raises ModelError.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeAlias

from selfrec.errors import ModelError

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5

Value: TypeAlias = int | memoryview
"""int for a varint, a view of the bytes for all else."""


Pieces: TypeAlias = list["bytes | memoryview"]
"""A message as the parts that make it up, one after the other."""


def fields(message: memoryview) -> Iterator[tuple[int, Value]]:
    """(field number, value) of one message, in order."""
    for number, value, _, _ in _spans(message):
        yield number, value


def replace_field(message: memoryview, number: int, place: int, content: Pieces | None) -> Pieces:
    """The message with other bytes in the field that is the `place`-th of this number, or without it where None.

    Raises IndexError where there are fewer.
    """
    spans = [(start, end) for found, _, start, end in _spans(message) if found == number]
    start, end = spans[place]
    middle: Pieces = []
    if content is not None:
        middle = field_of(number, content)
    return [message[:start], *middle, message[end:]]


def change_fields(message: memoryview, number: int, change: Callable[[memoryview], Pieces]) -> Pieces:
    """The message with other bytes in every field of this number; all others as they are."""
    parts: Pieces = []
    for found, value, start, end in _spans(message):
        parts += field_of(number, change(blob(value))) if found == number else [message[start:end]]
    return parts


def field_of(number: int, content: Pieces) -> Pieces:
    """A field that holds bytes or a message."""
    size = sum(len(piece) for piece in content)
    return [_as_varint(number << 3 | BYTES), _as_varint(size), *content]


def varint_of(number: int, value: int) -> Pieces:
    """A field that holds a whole number that is not negative."""
    return [_as_varint(number << 3 | VARINT), _as_varint(value)]


def _spans(message: memoryview) -> Iterator[tuple[int, Value, int, int]]:
    """(field number, value, where the field begins, where it ends)."""
    position, end = 0, len(message)
    while position < end:
        start = position
        key, position = _varint(message, position)
        number, kind = key >> 3, key & 7
        if kind == VARINT:
            value, position = _varint(message, position)
            yield number, value, start, position
            continue
        if kind == BYTES:
            size, position = _varint(message, position)
        elif kind in (FIXED64, FIXED32):
            size = 8 if kind == FIXED64 else 4
        else:
            raise _malformed(f"wire type {kind}")
        if size > end - position:
            raise _malformed("a field longer than the file")
        yield number, message[position : position + size], start, position + size
        position += size


def varints(value: Value) -> list[int]:
    """A repeated integer field's value: one number, or many packed. Signed 64 bits."""
    if isinstance(value, int):
        return [signed(value)]
    found, position = [], 0
    while position < len(value):
        number, position = _varint(value, position)
        found.append(signed(number))
    return found


def signed(number: int) -> int:
    """A varint read as int64."""
    return number - (1 << 64) if number >= 1 << 63 else number


def text(value: Value) -> str:
    """A string field's value."""
    try:
        return bytes(blob(value)).decode("utf-8")
    except UnicodeDecodeError as error:
        raise _malformed("text that is not UTF-8") from error


def blob(value: Value) -> memoryview:
    """A bytes or message field's value."""
    if isinstance(value, int):
        raise _malformed("a number where a message belongs")
    return value


def number(value: Value) -> int:
    """An integer field's value, signed 64 bits."""
    if not isinstance(value, int):
        raise _malformed("bytes where a number belongs")
    return signed(value)


def _varint(message: memoryview, position: int) -> tuple[int, int]:
    result = shift = 0
    while True:
        if position >= len(message) or shift > 63:
            raise _malformed("a number cut short")
        byte = message[position]
        position += 1
        result |= (byte & 0x7F) << shift
        if byte < 0x80:
            return result & ((1 << 64) - 1), position
        shift += 7


def _as_varint(number: int) -> bytes:
    groups = bytearray()
    while number >= 0x80:
        groups.append(number & 0x7F | 0x80)
        number >>= 7
    groups.append(number)
    return bytes(groups)


def _malformed(what: str) -> ModelError:
    return ModelError(f"the graph is no ONNX file ({what})")
