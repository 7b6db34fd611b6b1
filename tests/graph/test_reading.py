"""A graph read without the onnx package, beside what onnx reads."""

from __future__ import annotations

import numpy as np
from onnx import helper, numpy_helper

from benchmarks.synthetic import one_product_graph
from selfrec.graph.reading import read_graph


def test_the_reader_finds_what_onnx_finds() -> None:
    for blocks in (False, True):
        eye = np.eye(200, dtype=np.float32)
        model = one_product_graph(eye, eye, 5, blocks=blocks)
        graph = read_graph(memoryview(model.SerializeToString()))
        assert [(node.op, node.inputs, node.outputs) for node in graph.nodes] == [
            (node.op_type, tuple(node.input), tuple(node.output)) for node in model.graph.node
        ]
        assert [(t.name, list(t.dims), t.element) for t in graph.tensors] == [
            (t.name, list(t.dims), t.data_type) for t in model.graph.initializer
        ]
        assert [*graph.inputs] == [value.name for value in model.graph.input]
        assert graph.outputs["items"].shape == ("batch", 5)


def test_typed_tensor_data_is_counted() -> None:
    eye = np.eye(6, dtype=np.float32)
    model = one_product_graph(eye, eye, 4, blocks=False)
    for tensor in model.graph.initializer:
        typed = helper.make_tensor(tensor.name, tensor.data_type, tensor.dims, numpy_helper.to_array(tensor).ravel())
        tensor.CopyFrom(typed)
    assert sum(tensor.size for tensor in read_graph(memoryview(model.SerializeToString())).tensors) > 0
