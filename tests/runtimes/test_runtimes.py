"""The same lists in every runtime: golden batches of every shipped preset and part, and of every form."""

from __future__ import annotations

from pathlib import Path

import pytest

from selfrec.export.conformance import CASES
from selfrec.export.job import export_graph
from selfrec.export.running import agreement
from selfrec.settings.forms import ExportSettings
from tests.runtimes.conftest import Fitted, needed
from tests.runtimes.pipelines import pipelines
from tests.runtimes.programs import Program, programs

PROGRAMS = pytest.mark.parametrize("program", programs(), ids=lambda program: program.name)

pytestmark = pytest.mark.slow


@PROGRAMS
@pytest.mark.parametrize("name", pipelines())
def test_every_shipped_graph(name: str, program: Program, fitted: Fitted) -> None:
    model, cases = fitted(name)
    found = agreement(name, needed(program).command, model.path / "model.onnx", cases)
    assert found.differences == {}
    assert found.agreed == found.cases > 15


@PROGRAMS
@pytest.mark.parametrize(
    "form", [{"k": 5, "half": True}, {"raw_ids": True}, {"allow": True}], ids=lambda form: "+".join(form)
)
def test_every_form(form: dict, program: Program, fitted: Fitted, tmp_path: Path) -> None:
    if "raw_ids" in form and not program.raw_ids:
        pytest.skip(f"{program.name} has no ai.onnx.ml")
    model, _ = fitted("full")
    if "allow" in form:
        # Item ids of the toy shop are 1000 to 1047.
        (tmp_path / "allow.txt").write_text("\n".join(str(n) for n in range(1000, 1040)))
        form = form | {"allow": str(tmp_path / "allow.txt")}
    graph = tmp_path / "graph.onnx"
    export_graph(model, ExportSettings(**form), graph, conformance=tmp_path)
    found = agreement("full", needed(program).command, graph, tmp_path / CASES)
    assert found.differences == {}
    assert found.agreed == found.cases > 15


@PROGRAMS
def test_external_data(program: Program, fitted: Fitted, tmp_path: Path) -> None:
    """A page has to be given the second file by hand, and tract's package reads it beside the first."""
    if program.name in ("onnxruntime-web", "chromium"):
        pytest.skip("files are handed to the wasm runtime one by one: use the single-file form")
    model, cases = fitted("default")
    export_graph(model, ExportSettings(external_data=True), tmp_path / "graph.onnx")
    found = agreement("default", needed(program).command, tmp_path / "graph.onnx", cases)
    assert found.differences == {}
