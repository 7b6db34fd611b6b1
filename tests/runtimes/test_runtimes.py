"""The same lists in every runtime: golden batches of every shipped preset and part, and of every form."""

from __future__ import annotations

from pathlib import Path

import pytest

from selfrec.export.running import agreement
from selfrec.settings.forms import ExportSettings
from tests.runtimes.conftest import Exported, Fitted, needed
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
def test_every_form(form: dict, program: Program, exported: Exported, allowed: Path) -> None:
    if "raw_ids" in form and not program.raw_ids:
        pytest.skip(f"{program.name} has no ai.onnx.ml")
    settings = ExportSettings(**form | ({"allow": str(allowed)} if "allow" in form else {}))
    graph, cases = exported("full", settings)
    found = agreement("full", needed(program).command, graph, cases)
    assert found.differences == {}
    assert found.agreed == found.cases > 15


@pytest.fixture(scope="module")
def allowed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """40 of the toy shop's 48 items, whose ids are 1000 to 1047."""
    path = tmp_path_factory.mktemp("allowed") / "allow.txt"
    path.write_text("\n".join(str(n) for n in range(1000, 1040)))
    return path


@PROGRAMS
def test_external_data(program: Program, exported: Exported) -> None:
    """A page has to be given the second file by hand, and tract's package reads it beside the first."""
    if program.name in ("onnxruntime-web", "chromium"):
        pytest.skip("files are handed to the wasm runtime one by one: use the single-file form")
    graph, cases = exported("default", ExportSettings(external_data=True))
    found = agreement("default", needed(program).command, graph, cases)
    assert found.differences == {}
