"""The surface every graph must have: names, types and shapes of inputs and outputs (contract, section 3)."""

from __future__ import annotations

from dataclasses import dataclass

from selfrec.errors import ModelError
from selfrec.graph.reading import FLOAT, INT64, Graph, TensorType

TOP_K = "top_k"
"""Name of the initializer int64[1] that holds K, where a graph lets a scorer ask for less than K."""

_TYPES = {FLOAT: "float32", INT64: "int64"}

_REQUIRED = {
    "history": (INT64, ("batch", "length")),
    "weights": (FLOAT, ("batch", "length")),
    "exclude": (INT64, ("batch", "excluded")),
    "item_bias": (FLOAT, (None,)),
}
_OPTIONAL = {"ages": (FLOAT, ("batch", "length")), "user_features": (FLOAT, ("batch", None))}
_OUTPUTS = {"items": (INT64, ("batch", None)), "scores": (FLOAT, ("batch", None))}


@dataclass(frozen=True)
class Surface:
    """The sizes of a graph and the inputs it asks for."""

    n_items: int
    """N."""
    top_k: int
    """K."""
    extra_inputs: tuple[str, ...]
    """`ages` and `user_features`, those the graph has."""
    user_features: int
    """U, 0 where the graph has no such input."""
    adjustable_k: bool
    """Whether the graph keeps K in the initializer `top_k`."""


def read_surface(graph: Graph) -> Surface:
    """Check the inputs and outputs of a graph and tell its sizes. Raises ModelError."""
    extra = tuple(name for name in _OPTIONAL if name in graph.inputs)
    for name in [*_REQUIRED, *graph.inputs]:
        expected = _REQUIRED.get(name) or _OPTIONAL.get(name)
        if name not in graph.inputs:
            raise ModelError(f"the graph has no input {name!r}")
        if expected is None:
            raise ModelError(f"the graph has an unknown input {name!r}")
        _check(name, graph.inputs[name], *expected)
    if list(graph.outputs) != list(_OUTPUTS):
        raise ModelError(f"the graph's outputs are {list(graph.outputs)}, not {list(_OUTPUTS)}")
    for name, kind in graph.outputs.items():
        _check(name, kind, *_OUTPUTS[name])
    n_items = _size(graph.inputs["item_bias"], 0)
    top_k = _size(graph.outputs["items"], 1)
    if top_k != _size(graph.outputs["scores"], 1) or not 1 <= top_k <= n_items:
        raise ModelError(f"the graph gives lists of {top_k} of {n_items} items")
    clash = {tensor.name for tensor in graph.tensors} & set(graph.inputs)
    if clash:
        raise ModelError(f"the graph has a stored tensor and an input {min(clash)!r}")
    features = _size(graph.inputs["user_features"], 1) if "user_features" in extra else 0
    return Surface(n_items, top_k, extra, features, _adjustable(graph, top_k))


def _check(name: str, kind: TensorType, element: int, shape: tuple[str | None, ...]) -> None:
    wrong = kind.element != element or len(kind.shape) != len(shape)
    for found, wanted in zip(kind.shape, shape, strict=False):
        # A named dimension is dynamic; None stands for a fixed size.
        wrong = wrong or (found != wanted if wanted is not None else not isinstance(found, int) or found < 1)
    if wrong:
        wanted_text = f"{_TYPES[element]}[{', '.join(dim or 'size' for dim in shape)}]"
        found_text = f"{_TYPES.get(kind.element, f'type {kind.element}')}[{', '.join(map(str, kind.shape))}]"
        raise ModelError(f"{name!r} of the graph is {found_text}, not {wanted_text}")


def _size(kind: TensorType, axis: int) -> int:
    size = kind.shape[axis]
    assert isinstance(size, int)
    return size


def _adjustable(graph: Graph, top_k: int) -> bool:
    wanted = top_k.to_bytes(8, "little")
    for tensor in graph.tensors:
        if tensor.name == TOP_K and tensor.element == INT64 and tensor.dims == (1,) and tensor.data is not None:
            return bytes(tensor.data) == wanted
    return False
