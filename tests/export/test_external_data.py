"""Graphs whose weights stand in a file beside them: those of an export, and of a model past 1.5 GB."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from benchmarks.synthetic import write_model_folder
from selfrec.export import graph as export_graph_module
from selfrec.export.batches import sample_histories
from selfrec.export.forms import write_form
from selfrec.export.graph import write_graph
from selfrec.export.job import export_graph
from selfrec.graph.moving import with_data_at
from selfrec.model_folder.reading import Model, open_model
from selfrec.settings.export import ExportSettings
from tests.export.test_forms import N_ITEMS, TEXT_IDS, TOP_K, model_of, session
from tests.model_folder.altered import rehash
from tests.shapes import exported


@pytest.fixture
def model(tmp_path: Path) -> Model:
    return model_of(tmp_path / "model", "two with ranker", ids=TEXT_IDS)


def large_model(folder: Path, shape: str, monkeypatch: pytest.MonkeyPatch) -> Model:
    """A model folder as `fit` writes it past 1.5 GB, of a size to test with."""
    monkeypatch.setattr(export_graph_module, "EXTERNAL_BYTES", 1000)
    graph = exported(shape, N_ITEMS, TOP_K)
    write_model_folder(folder, graph, n_items=N_ITEMS, top_k=TOP_K)
    assert write_graph(graph, folder) == ["model.onnx", "model.onnx.data"]
    rehash(folder, "model.onnx.data")
    return open_model(folder)


class TestOfALargeModel:
    def test_each_export_has_weights_of_its_own(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Under the name that they have in the model folder, the second graph's would become the first one's."""
        shapes = {"a": "one factored", "b": "one dense"}
        models = {name: large_model(tmp_path / name, shape, monkeypatch) for name, shape in shapes.items()}
        for name, model in models.items():
            written = export_graph(model, ExportSettings(), tmp_path / f"{name}.onnx").written
            assert written == [tmp_path / f"{name}.onnx.data", tmp_path / f"{name}.onnx"]
        for name, model in models.items():
            for feeds in sample_histories(model.surface, 5):
                found, wanted = session(tmp_path / f"{name}.onnx").run(None, feeds), model.session().run(None, feeds)
                assert all(np.array_equal(one, other) for one, other in zip(found, wanted, strict=True))

    def test_a_later_export_takes_the_weights_away(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        model = large_model(tmp_path / "model", "one factored", monkeypatch)
        export_graph(model, ExportSettings(), tmp_path / "g.onnx")
        export_graph(model, ExportSettings(k=3), tmp_path / "g.onnx")
        assert sorted(path.name for path in tmp_path.iterdir()) == ["g.onnx", "model"]

    def test_under_the_name_of_the_model_the_bytes_are_the_models(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        model = large_model(tmp_path / "model", "one factored", monkeypatch)
        for place in export_graph(model, ExportSettings(), tmp_path / "model.onnx").written:
            assert place.read_bytes() == (model.path / place.name).read_bytes()

    def test_whoever_reads_the_folder_reads_its_weights(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        before = os.umask(0o022)
        try:
            model = large_model(tmp_path / "model", "one factored", monkeypatch)
        finally:
            os.umask(before)
        assert {(model.path / name).stat().st_mode & 0o777 for name in ("model.onnx", "model.onnx.data")} == {0o644}


def test_moved_weights_change_their_place_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content = (large_model(tmp_path / "model", "two with ranker", monkeypatch).path / "model.onnx").read_bytes()
    moved, wanted = onnx.load_from_string(with_data_at(memoryview(content), "g.onnx.data")), onnx.ModelProto()
    wanted.ParseFromString(content)
    outside = [
        entry for tensor in wanted.graph.initializer for entry in tensor.external_data if entry.key == "location"
    ]
    assert outside
    for entry in outside:
        entry.value = "g.onnx.data"
    assert moved == wanted


def test_external_data_moves_with_its_graph(model: Model, tmp_path: Path) -> None:
    done = export_graph(model, ExportSettings(external_data=True), tmp_path / "g.onnx")
    assert [path.name for path in done.written] == ["g.onnx.data", "g.onnx"]
    (tmp_path / "there").mkdir()
    for place in done.written:
        place.rename(tmp_path / "there" / place.name)
    for feeds in sample_histories(model.surface, 5):
        found, wanted = session(tmp_path / "there" / "g.onnx").run(None, feeds), model.session().run(None, feeds)
        assert all(np.array_equal(one, other) for one, other in zip(found, wanted, strict=True))


def test_an_export_takes_the_place_of_an_earlier_one_and_its_data(model: Model, tmp_path: Path) -> None:
    graph, data = tmp_path / "g.onnx", tmp_path / "g.onnx.data"
    for later in ({}, {"half": True}, {"raw_ids": True}):
        export_graph(model, ExportSettings(external_data=True, raw_ids=True), graph)
        assert data.exists()
        export_graph(model, ExportSettings(**later), graph)
        assert not data.exists(), later
        # The graph has no data, so the file beside it is somebody else's.
        data.write_bytes(b"of somebody else")
        export_graph(model, ExportSettings(**later), graph)
        assert data.read_bytes() == b"of somebody else"
    # So it is where the graph is another program's, or no graph.
    foreign = helper.make_graph([], "foreign", [], [], [numpy_helper.from_array(np.zeros(2000, np.float32), "w")])
    onnx.save_model(
        helper.make_model(foreign, producer_name="pytorch"), graph, save_as_external_data=True, location=data.name
    )
    for content in (graph.read_bytes(), b"no graph", b""):
        data.write_bytes(b"of somebody else")
        graph.write_bytes(content)
        export_graph(model, ExportSettings(), graph)
        assert data.read_bytes() == b"of somebody else"


def test_external_data_that_is_not_written_is_not_listed(tmp_path: Path) -> None:
    """Weights this small stay in the graph, whatever an earlier export left."""
    (tmp_path / "g.onnx.data").write_bytes(b"of another graph")
    assert write_form(onnx.ModelProto(ir_version=8), tmp_path / "g.onnx", external=True) == [tmp_path / "g.onnx"]
    assert (tmp_path / "g.onnx.data").read_bytes() == b"of another graph"
