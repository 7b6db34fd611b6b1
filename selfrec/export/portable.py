"""Rewrites that change nothing in meaning, for runtimes that take one spelling of an operation and not another."""

from __future__ import annotations

import numpy as np
from onnx import GraphProto, helper, numpy_helper

ZERO = "zero_to_expand"


def zeros_by_expanding(graph: GraphProto) -> None:
    """Rewrite a ConstantOfShape without a value, which is float32 0, as Expand.

    tract takes it for float64, and fails where it splits the product of a concatenation with such zeros.
    """
    found = False
    for node in graph.node:
        if node.op_type == "ConstantOfShape" and not node.attribute:
            found = True
            node.CopyFrom(helper.make_node("Expand", [ZERO, *node.input], list(node.output)))
    if found:
        graph.initializer.append(numpy_helper.from_array(np.zeros(1, dtype=np.float32), ZERO))
