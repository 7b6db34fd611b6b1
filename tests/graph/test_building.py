"""Parts of ONNX files written without the onnx package, read by it."""

from __future__ import annotations

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import numpy_helper

from selfrec.graph.building import graph_file, node, tensor


@pytest.mark.parametrize(
    "values",
    [
        np.float32(0.5),
        np.array([3, 2**40, 0]),
        np.arange(6, dtype=np.int8).reshape(2, 3).T,
        np.zeros((0, 2), dtype=np.uint8),
        np.array([True, False]),
    ],
    ids=["number", "int64", "transposed", "empty", "truths"],
)
def test_a_tensor_is_read_back(values: np.ndarray) -> None:
    content = graph_file([tensor("constant", values)], inputs={}, outputs={})
    [read] = onnx.load_from_string(content).graph.initializer
    assert read.name == "constant"
    back = numpy_helper.to_array(read)
    assert back.dtype == np.asarray(values).dtype
    np.testing.assert_array_equal(back, values)


def test_a_graph_runs() -> None:
    real, whole = np.dtype(np.float32), np.dtype(np.int64)
    content = graph_file(
        [tensor("k", np.array([2])), node("TopK", ["values", "k"], ["best", "places"], axis=1, largest=0)],
        inputs={"values": (real, ("rows", 3))},
        outputs={"best": (real, ("rows", 2)), "places": (whole, ("rows", 2))},
    )
    onnx.checker.check_model(onnx.load_from_string(content), full_check=True)
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    best, places = session.run(None, {"values": np.array([[3, 1, 2]], dtype=np.float32)})
    assert best.tolist() == [[1, 2]]
    assert places.tolist() == [[1, 2]]
