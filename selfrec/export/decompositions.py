"""The longest step of an export, left out where it has nothing to do.

Half of an export's time goes into `run_decompositions`: torch traces the whole program once more, to take operators
apart that its exporter has no translation of. A program without such operators comes out as it went in, but for names.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch.export import ExportedProgram
from torch.fx import Graph, Node

_aten = torch.ops.aten

_TRANSLATED = frozenset({
    operator.add, operator.eq, operator.getitem, operator.le, operator.mul, _aten._assert_scalar.default,
    _aten._assert_tensor_metadata.default, _aten.add.Tensor, _aten.amax.default, _aten.amin.default, _aten.cat.default,
    _aten.clamp_min.default, _aten.cumsum.default, _aten.div.Tensor, _aten.dropout.default, _aten.embedding.default,
    _aten.exp.default, _aten.expand_as.default, _aten.full_like.default, _aten.gather.default, _aten.gt.Scalar,
    _aten.index_select.default, _aten.leaky_relu.default, _aten.linalg_vector_norm.default, _aten.linear.default,
    _aten.log1p.default, _aten.lt.Scalar, _aten.matmul.default, _aten.mean.dim, _aten.minimum.default, _aten.mul.Tensor,
    _aten.ne.Scalar, _aten.neg.default, _aten.new_zeros.default, _aten.ones_like.default, _aten.pad.default,
    _aten.pow.Tensor_Scalar, _aten.reciprocal.default, _aten.relu.default, _aten.scatter.src, _aten.scatter.value,
    _aten.scatter_add.default, _aten.select.int, _aten.sigmoid.default, _aten.slice.Tensor, _aten.sort.default,
    _aten.sqrt.default, _aten.squeeze.dim, _aten.stack.default, _aten.sub.Tensor, _aten.sum.dim_IntList,
    _aten.sym_size.int, _aten.topk.default, _aten.unbind.int, _aten.unsqueeze.default, _aten.where.self,
    _aten.zeros_like.default,
})  # fmt: skip
"""What the exporter translates as it stands (or drops: the checks). An operator need only be here where exports meet
it often: with any other, the step is done.
"""

Call = tuple[Any, tuple[Any, ...], dict[str, Any]]
"""An operator, its arguments by place and by name."""


def _converted(values: Any, dtype: torch.dtype) -> Call:
    if _seen(values).dtype == dtype:
        raise TypeError("a conversion that converts nothing is no operation of a graph")
    return _aten._to_copy.default, (values,), {"dtype": dtype}


def _turned(values: Any) -> Call:
    return _aten.permute.default, (values, list(reversed(range(_seen(values).ndim)))), {}


_RESPELLED: dict[Any, Callable[..., Call]] = {
    _aten.numpy_T.default: _turned,
    _aten.reshape.default: lambda values, shape: (_aten.view.default, (values, shape), {}),
    _aten.rsub.Scalar: lambda values, number: (_aten.sub.Tensor, (number, values), {}),
    _aten.square.default: lambda values: (_aten.pow.Tensor_Scalar, (values, 2), {}),
    _aten.to.dtype: _converted,
}
"""What the step would put one other operator in the place of. TypeError: not with these arguments."""


@contextmanager
def traced_once() -> Iterator[None]:
    """Exports inside the `with` do without the step where that gives the same graph."""
    whole = ExportedProgram.run_decompositions

    def shorter(program: ExportedProgram, *args: Any, **kwargs: Any) -> ExportedProgram:
        return program if _made_direct(program.graph) else whole(program, *args, **kwargs)

    ExportedProgram.run_decompositions = shorter  # type: ignore[method-assign]
    try:
        yield
    finally:
        ExportedProgram.run_decompositions = whole  # type: ignore[method-assign]


def _made_direct(graph: Graph) -> bool:
    """Rewrite a program into operators that the exporter translates; False, and all as it was, where that cannot be."""
    new: dict[Node, Call] = {}
    for node in graph.nodes:
        if node.op in ("placeholder", "output") or node.target in _TRANSLATED:
            continue
        try:
            new[node] = _RESPELLED[node.target](*node.args, **node.kwargs)
        except (KeyError, TypeError):
            return False
    for node, call in new.items():
        node.target, node.args, node.kwargs = call
    return True


def _seen(node: Node) -> torch.Tensor:
    """The tensor that torch saw at this place of the program: its shape and dtype, no values."""
    tensor: torch.Tensor = node.meta["val"]
    return tensor
