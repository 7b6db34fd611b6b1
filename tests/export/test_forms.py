"""Graphs in other forms: each gives the lists of the whole model, and no file depends on when it was made."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from onnx import TensorProto, helper, numpy_helper

from benchmarks.synthetic import write_model_folder
from selfrec.errors import EmptyDataError, ExportError, SettingsError
from selfrec.export.batches import sample_histories
from selfrec.export.half import to_half
from selfrec.export.job import export_graph
from selfrec.export.raw_ids import id_table, padding_id
from selfrec.export.top_k import in_one_stage
from selfrec.model_folder.reading import Model, open_model
from selfrec.settings.export import ExportSettings
from tests.shapes import exported

N_ITEMS, TOP_K = 60, 10
TEXT_IDS = pa.array([f"item {n}" for n in range(N_ITEMS)])


def model_of(folder: Path, shape: str, n_items: int = N_ITEMS, ids: pa.Array | None = None) -> Model:
    """A model folder of one of the shapes of test_export; item ids are 1,000 + number where none are given."""
    graph = exported(shape, n_items, TOP_K)
    kind = "BIGINT" if ids is None else {"string": "VARCHAR", "int32": "INTEGER"}[str(ids.type)]
    write_model_folder(folder, graph, n_items=n_items, top_k=min(TOP_K, n_items), item_ids=ids, item_type=kind)
    return open_model(folder)


@pytest.fixture(scope="module", params=["one factored", "one dense", "two with ranker"])
def model(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Model:
    return model_of(tmp_path_factory.mktemp("forms") / "model", request.param, ids=TEXT_IDS)


def session(place: Path) -> ort.InferenceSession:
    return ort.InferenceSession(str(place), providers=["CPUExecutionProvider"])


FORMS = [
    {"k": 3},
    {"half": True},
    {"raw_ids": True},
    {"external_data": True},
    {"k": 4, "half": True, "raw_ids": True, "external_data": True},
]


@pytest.mark.parametrize("form", FORMS, ids=lambda form: "+".join(form))
def test_every_form_keeps_the_golden_lists_and_its_bytes(model: Model, form: dict, tmp_path: Path) -> None:
    settings = ExportSettings(**form)
    (tmp_path / "a").mkdir()
    first = export_graph(model, settings, tmp_path / "a" / "g.onnx", check=True)
    assert [one.runtime for one in first.agreements][:2] == ["onnxruntime", "onnx reference"]
    assert all(one.agreed == one.cases > 15 for one in first.agreements), first.agreements
    (tmp_path / "b").mkdir()
    second = export_graph(model, settings, tmp_path / "b" / "g.onnx")
    for one, other in zip(first.written, second.written, strict=True):
        assert one.read_bytes() == other.read_bytes(), one.name


def test_shorter_list_is_the_start_of_the_long_one(model: Model, tmp_path: Path) -> None:
    export_graph(model, ExportSettings(k=3), tmp_path / "g.onnx")
    for feeds in sample_histories(model.surface, 20):
        short, long = session(tmp_path / "g.onnx").run(None, feeds), model.session().run(None, feeds)
        assert short[0].shape == (20, 3)
        assert (short[0] == long[0][:, :3]).all()
        assert (short[1] == long[1][:, :3]).all()


def test_longer_list_than_the_model_has_is_refused(model: Model, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"-k 11: the model's lists have 10 items"):
        export_graph(model, ExportSettings(k=11), tmp_path / "g.onnx")
    beyond = model.n_items + 1
    with pytest.raises(
        SettingsError, match=rf"at most 10, or fit with more items \(the catalog has only {beyond - 1}\)"
    ):
        export_graph(model, ExportSettings(k=beyond), tmp_path / "g.onnx")


class TestHalf:
    def test_weights_take_half_the_bytes_and_the_agreement_is_said(self, tmp_path: Path) -> None:
        model = model_of(tmp_path / "model", "one factored", 1500)
        done = export_graph(model, ExportSettings(half=True), tmp_path / "g.onnx")
        assert (tmp_path / "g.onnx").stat().st_size < 0.55 * (model.path / "model.onnx").stat().st_size
        (line,) = done.notes
        assert line.startswith("float16 beside float32, 200 drawn histories: ")
        assert float(line.split("%")[0].split()[-1]) > 99

    def test_numbers_that_float16_cannot_hold_stay(self) -> None:
        stored = {"small": np.full(300, 2.0, np.float32), "large": np.full(300, 1e6, np.float32),
                  "few": np.full(4, 2.0, np.float32), "never": np.full(300, -np.inf, np.float32)}  # fmt: skip
        graph = helper.make_graph(
            [], "g", [], [], [numpy_helper.from_array(value, name) for name, value in stored.items()]
        )
        model = helper.make_model(graph)
        assert to_half(model) == 2
        kinds = {tensor.name: tensor.data_type for tensor in model.graph.initializer}
        assert kinds == {"large": TensorProto.FLOAT, "few": TensorProto.FLOAT, "small_float16": TensorProto.FLOAT16,
                         "never_float16": TensorProto.FLOAT16}  # fmt: skip


class TestRawIds:
    @pytest.mark.parametrize("ids", [TEXT_IDS, pa.array(range(5000, 5000 + N_ITEMS), pa.int32())])
    def test_lists_are_the_same_in_ids(self, ids: pa.Array, tmp_path: Path) -> None:
        model = model_of(tmp_path / "model", "one factored", ids=ids)
        export_graph(model, ExportSettings(raw_ids=True), tmp_path / "g.onnx")
        named = session(tmp_path / "g.onnx")
        text = pa.types.is_string(ids.type)
        unknown = "who?" if text else 17
        own = ids.to_pylist()
        history = np.array([[own[3], unknown, own[8]]], dtype=object if text else np.int64)
        rest = {"weights": np.ones((1, 3), np.float32), "item_bias": np.zeros(N_ITEMS, np.float32)}
        items, scores = named.run(None, {"history": history, "exclude": history, **rest})
        numbers = np.array([[3, N_ITEMS, 8]])
        wanted, wanted_scores = model.session().run(None, {"history": numbers, "exclude": numbers, **rest})
        assert items[0].tolist() == [own[number] for number in wanted[0]]
        assert np.array_equal(scores, wanted_scores)
        assert items.dtype == (object if text else np.int64)

    def test_padding_is_an_id_that_no_item_has(self) -> None:
        assert padding_id(np.array([5, -1, -2])) == -3
        assert padding_id(np.array([5, 6])) == -1
        assert padding_id(np.array(["", "-", "a"], dtype=object)) == "--"

    def test_ids_past_int64_are_text(self) -> None:
        assert id_table(pa.array([1, 2**63], pa.uint64())).tolist() == ["1", str(2**63)]
        assert id_table(pa.array([1, 2**62], pa.uint64())).tolist() == [1, 2**62]


class TestReducedCatalog:
    def allowed(self, folder: Path, ids: Sequence) -> str:
        (folder / "allow.txt").write_text("\n".join(map(str, ids)))
        return str(folder / "allow.txt")

    @pytest.mark.parametrize(
        ("shape", "n_items", "kept"),
        [
            ("one factored", 60, range(0, 60, 2)),
            ("one dense", 60, range(5, 50)),
            ("two with ranker", 60, range(10, 60, 2)),
            ("prior", 60, [7, 30, 2]),
            ("one sparse", 60, range(3, 60, 3)),
            ("two sparse by position", 60, [*range(20), *range(25, 50)]),
            ("one factored", 1500, range(0, 1500, 7)),
            # A layer of the toys is 8 wide, as long as the catalog with its padding.
            ("one factored", 7, [1, 2, 4, 6]),
        ],
    )
    def test_lists_are_those_of_the_whole_with_the_others_denied(
        self, shape: str, n_items: int, kept: range | list, tmp_path: Path
    ) -> None:
        model = model_of(tmp_path / "model", shape, n_items)
        place = self.allowed(tmp_path, [1000 + number for number in kept])
        done = export_graph(model, ExportSettings(allow=place), tmp_path / "g.onnx", check=True)
        assert all(one.agreed == one.cases > 15 for one in done.agreements), done.agreements
        numbers = sorted(kept)
        bias = np.full(n_items, -np.inf, np.float32)
        bias[numbers] = 0
        cut = session(tmp_path / "g.onnx")
        history = np.array([[0, 2]])
        extra = {"ages": np.ones((1, 2), np.float32)} if "ranker" in shape else {}
        rest = {"weights": np.ones((1, 2), np.float32), **extra}
        items, scores = cut.run(
            None, {"history": history, "exclude": history, "item_bias": np.zeros(len(numbers), np.float32), **rest}
        )
        whole = np.array([[numbers[0], numbers[2]]])
        wanted, wanted_scores = model.session().run(
            None, {"history": whole, "exclude": whole, "item_bias": bias, **rest}
        )
        there = np.isfinite(scores)
        k = scores.shape[1]
        assert k == min(TOP_K, len(numbers))
        assert [numbers[n] for n in items[there]] == wanted[:, :k][there].tolist()
        assert scores[there] == pytest.approx(wanted_scores[:, :k][there], abs=1e-5)

    def test_weights_of_the_others_are_gone(self, tmp_path: Path) -> None:
        model = model_of(tmp_path / "model", "one factored", 1500)
        place = self.allowed(tmp_path, [1000 + number for number in range(100)])
        export_graph(model, ExportSettings(allow=place), tmp_path / "g.onnx")
        assert (tmp_path / "g.onnx").stat().st_size < 0.2 * (model.path / "model.onnx").stat().st_size

    def test_item_table_says_what_the_new_numbers_are(self, tmp_path: Path) -> None:
        model = model_of(tmp_path / "model", "one factored")
        place = self.allowed(tmp_path, [1007, 1003, 1055, 99])
        done = export_graph(model, ExportSettings(allow=place), tmp_path / "g.onnx")
        assert [path.name for path in done.written] == ["g.onnx", "g.items.json", "g.items.parquet"]
        said = json.loads((tmp_path / "g.items.json").read_text())
        assert (said["n_items"], said["top_k"], said["padding"]) == (3, 3, 3)
        assert said["items"]["item_id"] == [1003, 1007, 1055]
        assert said["items"]["item_number"] == [0, 1, 2]
        assert said["items"]["model_item_number"] == [3, 7, 55]
        assert pq.read_table(tmp_path / "g.items.parquet").column("item_id").to_pylist() == [1003, 1007, 1055]
        assert "1 id not in the catalog" in done.notes[0]
        assert said["notes"] == done.notes

    def test_what_cannot_be_is_said(self, tmp_path: Path) -> None:
        model = model_of(tmp_path / "model", "two with ranker")
        with pytest.raises(ExportError, match=r"leaves 5 items.* looks at 20 candidates; allow at least 16"):
            export_graph(model, ExportSettings(allow=self.allowed(tmp_path, range(1000, 1005))), tmp_path / "g.onnx")
        with pytest.raises(EmptyDataError, match="none of its items is in the model's catalog"):
            export_graph(model, ExportSettings(allow=self.allowed(tmp_path, ["x"])), tmp_path / "g.onnx")
        assert not (tmp_path / "g.onnx").exists()


@pytest.mark.parametrize("shape", ["one factored", "two with ranker"])
def test_one_stage_is_two_stages_undone(shape: str) -> None:
    graph = exported(shape, 2700, TOP_K)
    undone = onnx.ModelProto()
    undone.CopyFrom(graph)
    in_one_stage(undone.graph)
    assert not any(node.op_type == "Reshape" and node.input[1] == "block_shape" for node in undone.graph.node)
    assert len(undone.graph.node) == len(graph.graph.node) - 13
    rng = np.random.default_rng(0)
    feeds = {"history": rng.integers(0, 2700, (4, 6)), "weights": np.ones((4, 6), np.float32),
             "exclude": np.full((4, 1), 2700), "item_bias": np.zeros(2700, np.float32)}  # fmt: skip
    feeds |= {"ages": np.ones((4, 6), np.float32)} if "ranker" in shape else {}
    before, after = (ort.InferenceSession(one.SerializeToString()).run(None, feeds) for one in (graph, undone))
    assert all(np.array_equal(one, other) for one, other in zip(before, after, strict=True))
