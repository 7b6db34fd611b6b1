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
from torch.overrides import TorchFunctionMode
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
    return {name for value in told for name in re.findall(r"torch\.ops\.((?:aten|prims)\.\w+)", value)}


def line_of_operators(
    operators: Collection[str], face: nn.Module, given: tuple[Tensor, ...], record: PartRecord
) -> str:
    """The line that the first of these operators comes from, " (selfrec_mine.py, line 12)"; "" where none is known.

    The part is run once more for it: the exporter itself keeps no lines of what the module's `forward` calls.
    """
    watch = _Watch(operators, package_of(record.build))
    with torch.no_grad(), _Operators(watch), _Functions(watch):
        face(*given)
    return watch.line


class _Watch:
    """Keeps the line of the package that first comes to one of the operators."""

    def __init__(self, operators: Collection[str], package: str) -> None:
        self.names, self.package, self.line = {_bare(name) for name in operators}, package, ""

    def look(self, name: str) -> None:
        """Told of every function and operator of torch that is called."""
        if not self.line and _bare(name) in self.names:
            self.line = self._own_line()

    def _own_line(self) -> str:
        frame: FrameType | None = sys._getframe(2)
        while frame is not None:
            if str(frame.f_globals.get("__name__", "")).partition(".")[0] == self.package:
                return f" ({Path(frame.f_code.co_filename).name}, line {frame.f_lineno})"
            frame = frame.f_back
        return ""


def _bare(name: str) -> str:
    """aten.ceil and ceil_, prims.erf_inv and erfinv, prims.bessel_j0 and special_bessel_j0: exporter and running
    program name one thing in two ways.
    """
    return name.rpartition(".")[2].removeprefix("special_").replace("_", "")


class _Operators(TorchDispatchMode):
    """What is run: the operators that others are made of."""

    def __init__(self, watch: _Watch) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.watch = watch

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        self.watch.look(str(func.overloadpacket))
        run: Callable[..., Any] = func
        return run(*args, **(kwargs or {}))


class _Functions(TorchFunctionMode):
    """What is called: functions that are made of several operators."""

    def __init__(self, watch: _Watch) -> None:
        super().__init__()
        self.watch = watch

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        self.watch.look(str(getattr(func, "__name__", "")))
        run: Callable[..., Any] = func
        return run(*args, **(kwargs or {}))
