"""What an earlier export left beside its graph."""

from __future__ import annotations

from pathlib import Path

from selfrec.errors import ModelError
from selfrec.graph.reading import stored_tensor
from selfrec.graph.wire import blob, fields, text

PRODUCER = "selfrec"
"""Who made a graph, as it says itself."""


def data_place(target: Path) -> Path:
    """Where the weights stand that a graph at `target` has outside."""
    return target.with_name(f"{target.name}.data")


def earlier_data(target: Path) -> Path | None:
    """The weights of the graph that stands at `target`; None where that is none of ours or has none outside."""
    data = data_place(target)
    if not (target.is_file() and data.is_file()):
        return None
    try:
        return data if _has_outside(memoryview(target.read_bytes()), data.name) else None
    except ModelError:
        return None


def _has_outside(content: memoryview, name: str) -> bool:
    """Whether a model file is ours and says that a tensor is in the file of this name. Raises ModelError."""
    model = dict(fields(content))
    if text(model.get(2, memoryview(b""))) != PRODUCER:
        return False
    tensors = (value for tag, value in fields(blob(model.get(7, memoryview(b"")))) if tag == 5)
    return any(stored_tensor(blob(tensor)).location == name for tensor in tensors)
