"""Which line of a plugin's code an operation of its graph comes from."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Collection
from pathlib import Path
from types import FrameType
from typing import Any

import torch
from onnx import ModelProto
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from selfrec.host.plugin_lines import package_of
from selfrec.host.records import PartRecord

NODE = "pkg.torch.onnx.fx_node"
"""Where torch's exporter writes which operator of torch a node comes from."""


def without_translation(error: BaseException) -> str | None:
    """The operator of torch that the exporter has no translation of, such as aten.linalg_inv_ex; None if it is another
    error.
    """
    while error.__cause__ is not None:
        error = error.__cause__
    found = re.match(r"No ONNX function found for <OpOverload\(op='([\w.]+)'", str(error))
    return found and found[1]


def operators_of(graph: ModelProto, operations: Collection[str]) -> set[str]:
    """The operators of torch that became these operations of a graph."""
    told = (
        prop.value
        for node in graph.graph.node
        if node.op_type in operations
        for prop in node.metadata_props
        if prop.key == NODE
    )
    return {name for value in told for name in re.findall(r"torch\.ops\.(aten\.\w+)", value)}


def line_of_operators(
    operators: Collection[str], face: nn.Module, given: tuple[Tensor, ...], record: PartRecord
) -> str:
    """The line that the first of these operators comes from, " (selfrec_mine.py, line 12)"; "" where none is known.

    The part is run once more for it: the exporter itself keeps no lines of what the module's `forward` calls.
    """
    watch = _Watch(operators, package_of(record.build))
    with torch.no_grad(), watch:
        face(*given)
    return watch.line


class _Watch(TorchDispatchMode):
    """Keeps the line of the package that first comes to one of the operators."""

    def __init__(self, operators: Collection[str], package: str) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.operators, self.package, self.line = operators, package, ""

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        if not self.line and str(func.overloadpacket) in self.operators:
            self.line = self._own_line()
        run: Callable[..., Any] = func
        return run(*args, **(kwargs or {}))

    def _own_line(self) -> str:
        frame: FrameType | None = sys._getframe(2)
        while frame is not None:
            if str(frame.f_globals.get("__name__", "")).partition(".")[0] == self.package:
                return f" ({Path(frame.f_code.co_filename).name}, line {frame.f_lineno})"
            frame = frame.f_back
        return ""
