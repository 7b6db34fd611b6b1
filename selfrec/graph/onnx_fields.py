"""Numbers of the fields of an ONNX file that are looked for by what cuts or changes one.

https://github.com/onnx/onnx/blob/main/onnx/onnx.proto3
"""

from __future__ import annotations

FORMAT_VERSION, GRAPH, OPSETS = 1, 7, 8
"""Of a model."""

NODE, TENSOR, INPUT, OUTPUT = 1, 5, 11, 12
"""Of a graph; a tensor is a stored one."""

READ, MADE = 1, 2
"""Of a node: names of the tensors that it reads and makes."""

PLACE_OUTSIDE = 13
"""Of a tensor: entries that say where its values are, if not in the file."""

NAME = 1
"""Of an input or output."""

ENTRY_KEY, ENTRY_VALUE = 1, 2
"""Of an entry."""
