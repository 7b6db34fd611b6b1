"""Golden batches as JSON, and the comparison of what a runtime gives with them."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

from selfrec.errors import SourceError
from selfrec.export.agreement import difference
from selfrec.export.conformance import Golden, from_json, read_cases, to_json, write_cases
from selfrec.export.portable import zeros_by_expanding
from selfrec.export.running import agreement

ITEMS = np.array([[4, 2, 7]])
SCORES = np.array([[3.0, 2.0, -np.inf]], np.float32)


@settings(deadline=None)
@given(npst.arrays(np.float32, npst.array_shapes(min_dims=1, max_dims=2, min_side=0, max_side=4)))
def test_floats_come_back_as_they_were(array: np.ndarray) -> None:
    array = np.where(np.isnan(array), 0, array)
    back = from_json(json.loads(json.dumps(to_json(array), allow_nan=False)))
    assert back.dtype == array.dtype
    assert np.array_equal(back, array)


@settings(deadline=None)
@given(npst.arrays(np.int64, npst.array_shapes(min_dims=2, max_dims=2, min_side=0, max_side=4)))
def test_whole_numbers_come_back_as_they_were(array: np.ndarray) -> None:
    assert np.array_equal(from_json(json.loads(json.dumps(to_json(array)))), array)


def test_numbers_that_float64_has_not_are_text() -> None:
    """Else a reader in JavaScript asks for another item: 2^53 + 1 becomes 2^53."""
    assert to_json(np.array([5, 2**53]))["data"] == [5, 2**53]
    assert to_json(np.array([5, -(2**53) - 1]))["data"] == ["5", "-9007199254740993"]
    assert to_json(np.array([2**62, 2**62]))["fill"] == str(2**62)


@settings(deadline=None)
@given(st.lists(st.text(), min_size=1, max_size=4))
def test_ids_come_back_as_they_were(ids: list[str]) -> None:
    assert from_json(json.loads(json.dumps(to_json(np.array(ids, dtype=object))))).tolist() == ids


def test_an_array_of_one_value_is_short() -> None:
    said = to_json(np.full((2, 3), -np.inf, np.float32))
    assert said == {"type": "float32", "shape": [2, 3], "fill": "-Infinity"}


def test_items_may_differ_where_scores_tie_and_nowhere_else() -> None:
    scores = np.array([[5, 3, 3, 1, 0]], np.float32)
    items = np.array([[9, 8, 7, 6, 5]])
    assert difference(np.array([[9, 7, 8, 6, 5]]), scores, items, scores) == ""
    assert difference(np.array([[8, 9, 7, 6, 5]]), scores, items, scores) == "1 item differs"
    assert difference(items, scores + np.float32(0.01), items, scores) == "scores differ by 0.01"
    assert difference(items, np.where(scores == 0, -np.inf, scores), items, scores) == "other slots are empty (-inf)"
    assert difference(items[:, :4], scores[:, :4], items, scores).startswith("shapes (1, 4)")
    assert difference(items, np.full_like(scores, np.nan), items, scores) == "a score is NaN"


@pytest.fixture
def cases(tmp_path: Path) -> Path:
    inputs = {"history": np.array([[1, 2]]), "item_bias": np.zeros(8, np.float32)}
    return write_cases(tmp_path / "conformance", [Golden("one user", inputs, ITEMS, SCORES)], "ab" * 32)


def test_cases_are_read_as_they_were_written(cases: Path) -> None:
    (golden,) = read_cases(cases)
    assert golden.name == "one user"
    assert np.array_equal(golden.items, ITEMS)
    assert np.array_equal(golden.scores, SCORES)
    assert set(golden.inputs) == {"history", "item_bias"}
    assert json.loads(cases.read_text())["graph_sha256"] == "ab" * 32
    with pytest.raises(SourceError, match="no golden batches"):
        read_cases(cases.with_name("none.json"))


def program(items: list[list[int]], code: int = 0) -> list[str]:
    """A runtime that always gives these items."""
    result = {"items": to_json(np.array(items)), "scores": to_json(SCORES), "milliseconds": [1.0]}
    said = json.dumps({"runtime": "fixed", "version": "7", "results": [result]})
    return [sys.executable, "-c", f"import sys; print({said!r}); print('SomeError: no', file=sys.stderr); exit({code})"]


def test_a_runtime_is_told_by_its_lists(cases: Path) -> None:
    same = agreement("fixed", program([[4, 2, 0]]), Path("g.onnx"), cases)
    assert (same.version, same.cases, same.agreed, same.differences) == ("7", 1, 1, {})
    other = agreement("fixed", program([[2, 4, 7]]), Path("g.onnx"), cases)
    assert (other.agreed, other.differences) == (0, {"one user": "2 items differ"})
    died = agreement("fixed", program([[4, 2, 7]], code=3), Path("g.onnx"), cases)
    assert (died.agreed, died.differences) == (0, {"": "exit code 3: SomeError: no"})


def test_zeros_are_spelt_out() -> None:
    nodes = [
        helper.make_node("ConstantOfShape", ["shape"], ["zeros"]),
        helper.make_node("ConstantOfShape", ["shape"], ["ones"], value=numpy_helper.from_array(np.ones(1, np.float32))),
    ]
    value = helper.make_tensor_value_info
    graph = helper.make_graph(
        nodes, "g", [value("shape", TensorProto.INT64, [2])],
        [value(name, TensorProto.FLOAT, [None, None]) for name in ("zeros", "ones")],
    )  # fmt: skip
    zeros_by_expanding(graph)
    assert [node.op_type for node in graph.node] == ["Expand", "ConstantOfShape"]
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)])
    zeros, ones = map(np.asarray, ReferenceEvaluator(model).run(None, {"shape": np.array([2, 3])}))
    assert (zeros == 0).all()
    assert zeros.shape == ones.shape == (2, 3)
    assert zeros.dtype == np.float32
