"""The same graph with shorter lists."""

from __future__ import annotations

import numpy as np
from onnx import ModelProto

from selfrec.errors import ExportError
from selfrec.export.editing import initializers, replace_initializer, set_size
from selfrec.graph.surface import TOP_K


def shorten(model: ModelProto, top_k: int) -> None:
    """Set K. Raises ExportError where the graph does not keep it in the initializer `top_k`."""
    stored = initializers(model.graph).get(TOP_K)
    if stored is None:
        raise ExportError(
            f"-k {top_k}: the graph keeps its list length where it cannot be changed; take the first {top_k} of its "
            "lists, or fit the model again with this selfrec"
        )
    replace_initializer(stored, np.array([top_k], dtype=np.int64))
    for output in ("items", "scores"):
        set_size(list(model.graph.output), output, 1, top_k)
