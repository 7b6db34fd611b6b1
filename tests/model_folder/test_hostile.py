"""Models that are right in form and mean harm: giants from nothing, divisions that end the process, lying tables."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from onnx import TensorProto, helper, numpy_helper

from selfrec.errors import ModelError
from selfrec.histories import Histories
from selfrec.model_folder.reading import open_model
from selfrec.scoring.kernel import Scorer
from selfrec.scoring.summary import peak_memory
from selfrec.settings.tables import ScoringSettings
from tests.model_folder.altered import edit_graph, edit_manifest, rehash
from tests.scoring.shops import next_item_model

ROOT = Path(__file__).resolve().parents[2]
GIGABYTE = 2**30

Change = Callable[[onnx.ModelProto], object]


def before_all(*nodes: onnx.NodeProto, **stored: object) -> Change:
    """Put nodes at the start of a graph, and tensors beside its own; what they make is added to the scores."""

    def change(model: onnx.ModelProto) -> None:
        own = [*model.graph.node]
        del model.graph.node[:]
        model.graph.node.extend([*nodes, *own])
        for name, value in stored.items():
            model.graph.initializer.append(numpy_helper.from_array(np.asarray(value), name))

    return change


def node(op: str, *inputs: str, out: str = "made", **attributes: Any) -> onnx.NodeProto:
    return helper.make_node(op, list(inputs), [out], **attributes)


GIANT = np.array([2**20, 2**20], dtype=np.int64)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (before_all(node("ConstantOfShape", "giant"), giant=GIANT), r"1,099,511,627,776 elements from nothing"),
        (before_all(node("Expand", "never", "giant"), giant=GIANT), r"from nothing \(Expand\)"),
        (before_all(node("Tile", "item_bias", "giant"), giant=GIANT[:1] * 2**20), r"from nothing \(Tile\)"),
        (before_all(node("Pad", "item_bias", "giant"), giant=GIANT), r"from nothing \(Pad\)"),
        (
            before_all(node("Range", "from", "to", "by"), **{"from": 0, "to": 2**40, "by": 1}),
            r"from nothing \(Range\)",
        ),
        (
            before_all(
                node("Constant", out="giant", value=numpy_helper.from_array(GIANT)), node("ConstantOfShape", "giant")
            ),
            "from nothing",
        ),
        (before_all(node("Div", "history", "exclude")), "divides whole numbers"),
        (before_all(node("Mod", "history", "exclude")), "divides whole numbers"),
        (before_all(node("Div", "history", "zero"), zero=np.int64(0)), "divides whole numbers"),
        (before_all(node("Div", "history", "minus"), minus=np.int64(-1)), "divides whole numbers"),
        (
            before_all(node("Shape", "history", out="sizes"), node("Div", "sizes", "sizes")),
            "divides whole numbers",
        ),
        (
            before_all(node("Cast", "weights", out="whole", to=TensorProto.INT32), node("Div", "whole", "whole")),
            "divides whole numbers",
        ),
        (before_all(node("ReduceMean", "history")), "a mean of whole numbers"),
        (before_all(node("Relu", "later")), "uses 'later' before anything makes it"),
        (before_all(node("Relu", "weights"), node("Relu", "weights")), "makes 'made' twice"),
        (lambda model: model.graph.node.pop(), "nothing makes the output"),
        (lambda model: model.graph.initializer.append(model.graph.initializer[0]), "two stored tensors of one name"),
    ],
)
def test_refused_before_anything_runs(folder: Path, change: Change, says: str) -> None:
    edit_graph(folder, change)
    with pytest.raises(ModelError, match=says) as caught:
        open_model(folder)
    assert "\n" not in str(caught.value)


SCORE = """
import sys
from selfrec.histories import Histories
from selfrec.model_folder.reading import open_model
from selfrec.scoring.kernel import Scorer
from selfrec.scoring.summary import peak_memory
from selfrec.settings.tables import ScoringSettings
from selfrec.errors import SelfrecError
try:
    scorer = Scorer(open_model(sys.argv[1]), ScoringSettings(k=2, threads=1, batch_megabytes=1))
    scorer.score(Histories.from_rows([[1]], 6))
except SelfrecError as error:
    print(error)
print(peak_memory())
"""


def test_a_giant_that_only_a_run_can_show_is_refused_before_it_is_made(folder: Path) -> None:
    """The size is computed: 2^12 x 2^12 x 2^12 elements, of which no number in the graph tells."""
    edit_graph(
        folder,
        before_all(
            node("Mul", "small", "small", out="square"),
            node("Mul", "square", "small", out="cube"),
            node("ConstantOfShape", "cube"),
            node("ReduceSum", "made", out="sum", keepdims=0),
            node("Add", "item_bias", "sum", out="biased"),
            small=np.array([2**12], dtype=np.int64),
        ),
    )
    edit_graph(folder, use_biased)
    done = subprocess.run(
        [sys.executable, "-c", SCORE, str(folder)], cwd=ROOT, capture_output=True, text=True, timeout=120, check=True
    )
    says, peak = done.stdout.splitlines()
    assert "asks for more memory than batches of 1 MB need" in says
    assert "scoring.batch_megabytes" in says
    assert int(peak) < GIGABYTE
    assert done.stderr == ""


def use_biased(model: onnx.ModelProto) -> None:
    for one in model.graph.node:
        if one.op_type == "Concat":
            one.input[:] = ["biased" if name == "item_bias" else name for name in one.input]


def test_a_bounded_session_gives_the_right_lists_and_others_stay_in_use(folder: Path, tmp_path: Path) -> None:
    """Every session has a bound of its own, so one that was opened before goes on."""
    first = Scorer(open_model(folder), ScoringSettings(k=1))
    next_item_model(tmp_path / "other", 9, 4)
    second = Scorer(open_model(tmp_path / "other"), ScoringSettings(k=1))
    for _ in range(3):
        assert first.score(Histories.from_rows([[2], [5]], 6)).items.tolist() == [[3], [0]]
        assert second.score(Histories.from_rows([[2], [8]], 9)).items.tolist() == [[3], [0]]


def test_a_table_of_more_items_than_the_graph_can_know(folder: Path) -> None:
    def widen(model: onnx.ModelProto) -> None:
        model.graph.input[3].type.tensor_type.shape.dim[0].dim_value = 2**40

    edit_graph(folder, widen)
    edit_manifest(folder, lambda manifest: manifest.update(n_items=2**40))
    with pytest.raises(ModelError, match=r"scores 1,099,511,627,776 items with [\d,]+ bytes, which cannot be"):
        open_model(folder)


def table(**columns: object) -> pa.Table:
    own = {
        "item_number": pa.array(range(6), pa.int32()),
        "item_id": pa.array(range(100, 106), pa.int64()),
        "popularity": pa.array([6, 5, 4, 3, 2, 1], pa.float32()),
    }
    return pa.table(own | columns)


@pytest.mark.parametrize(
    ("items", "says"),
    [
        (table(item_number=pa.array(range(6), pa.int64())), "'item_number' is int64, not int32"),
        (table(item_number=pa.array([0, 1, 2, 3, 4, None], pa.int32())), r"not 0\.\.5 in order"),
        (table(item_id=pa.array(list("abcdef"))), "'item_id' is string, not int64"),
        (table(item_id=pa.array([100, 101, 102, 103, 104, 104])), "stands there twice"),
        (table(item_id=pa.array([100, 101, 102, 103, 104, None])), "is missing"),
        (table(popularity=pa.array(list("abcdef"))), "'popularity' is string, not float"),
        (table(popularity=pa.array([1, 2, 3, 4, 5, np.nan], pa.float32())), "no number"),
        (table(popularity=pa.array([1, 2, 3, 4, 5, None], pa.float32())), "no number"),
        (table(tags=pa.array([["a"]] * 6)), "'tags' is list<.*which selfrec does not write"),
        (table().drop_columns("popularity"), "no column 'popularity'"),
        (table().slice(0, 5), "5 items, but the graph scores 6"),
    ],
)
def test_an_item_table_of_other_content(folder: Path, items: pa.Table, says: str) -> None:
    pq.write_table(items, folder / "items.parquet")
    rehash(folder)
    with pytest.raises(ModelError, match=says) as caught:
        _ = open_model(folder).catalog
    assert "\n" not in str(caught.value)


def test_an_item_table_that_unpacks_to_gigabytes(tmp_path: Path) -> None:
    """One text of a megabyte in each of 20,000 rows takes a megabyte in the file."""
    n_items = 20_000
    next_item_model(tmp_path / "model", 50, 4)
    folder = tmp_path / "model"
    long = pa.DictionaryArray.from_arrays(pa.array(np.zeros(n_items, np.int32)), pa.array(["x" * 2**20]))
    items = pa.table(
        {
            "item_number": pa.array(range(n_items), pa.int32()),
            "item_id": pa.array(range(n_items), pa.int64()),
            "popularity": pa.array(np.zeros(n_items, np.float32)),
            "title": long,
        }
    )
    pq.write_table(items, folder / "items.parquet", compression="zstd", store_schema=False)
    assert (folder / "items.parquet").stat().st_size < 2**20

    def widen(model: onnx.ModelProto) -> None:
        model.graph.input[3].type.tensor_type.shape.dim[0].dim_value = n_items

    edit_graph(folder, widen)
    edit_manifest(folder, lambda manifest: manifest.update(n_items=n_items))
    rehash(folder)
    before = peak_memory()
    with pytest.raises(ModelError, match=r"unpacks to 20,\d+,\d+,\d+ bytes, more than selfrec reads"):
        _ = open_model(folder).catalog
    assert peak_memory() - before < GIGABYTE


@pytest.mark.parametrize("kind", ["BIGINT); DROP TABLE x; --", "DOUBLE", "", "varchar", "BIGINT[]"])
@pytest.mark.parametrize("name", ["user_type", "item_type"])
def test_types_that_are_no_types_of_ids(folder: Path, name: str, kind: str) -> None:
    edit_manifest(folder, lambda manifest: manifest["columns"].update({name: kind}))
    with pytest.raises(ModelError, match=rf"columns\.{name} is .*no type of ids"):
        open_model(folder)


def test_the_manifest_and_the_graph_as_links(folder: Path, tmp_path: Path) -> None:
    for name in ("manifest.json", "items.parquet"):
        (tmp_path / name).write_bytes((folder / name).read_bytes())
        (folder / name).unlink()
        (folder / name).symlink_to(tmp_path / name)
        with pytest.raises(ModelError, match="a link or special file"):
            open_model(folder)
        (folder / name).unlink()
        (folder / name).hardlink_to(tmp_path / name)
        with pytest.raises(ModelError, match="hard links"):
            open_model(folder)
        (folder / name).unlink()
        (tmp_path / name).rename(folder / name)
    open_model(folder)
