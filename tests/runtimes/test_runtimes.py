"""The same lists in every runtime: golden batches of every shipped preset and part, and of every form."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest

from benchmarks.synthetic import write_model_folder
from selfrec.export.job import export_graph
from selfrec.export.running import Agreement, agreement
from selfrec.model_folder.reading import open_model
from selfrec.settings.export import ExportSettings
from selfrec.settings.presets import PRESETS
from tests.program import selfrec
from tests.runtimes.conftest import Exported, Fitted, needed
from tests.runtimes.pipelines import pipelines
from tests.runtimes.programs import Program, Staying, programs
from tests.shapes import exported as exported_graph
from tests.shop import HOUSEHOLDS

PROGRAMS = pytest.mark.parametrize("program", programs(), ids=lambda program: program.name)

FoundBy = Callable[[Program, Path, Path], Agreement]

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def found_by() -> Iterator[FoundBy]:
    """What a program finds of a graph and its cases. One that stays is started once."""
    staying: dict[str, Staying] = {}

    def agreement_of(program: Program, graph: Path, cases: Path) -> Agreement:
        if not needed(program).stays:
            return agreement(program.name, program.command, graph, cases)
        if program.name not in staying:
            staying[program.name] = Staying(program)
        return staying[program.name].agreement(graph, cases)

    yield agreement_of
    for one in staying.values():
        one.close()


@pytest.mark.parametrize("preset", PRESETS)
def test_every_preset_goes_all_the_way(preset: str, fitted: Fitted, tmp_path: Path) -> None:
    """From events to lists and figures, by the command line."""
    model, _ = fitted(preset)
    shop = model.path.parent / "shop.duckdb"
    for args in (
        ("score", model.path, shop, "--to", tmp_path / "lists.parquet", "-k", "4"),
        ("evaluate", model.path, shop, "--json"),
    ):
        ran = selfrec(*args)
        assert ran.code == 0, ran.out + ran.err
    rows = duckdb.execute(f"SELECT count(DISTINCT user_id), count(*) FROM '{tmp_path / 'lists.parquet'}'").fetchall()
    assert rows == [(HOUSEHOLDS, HOUSEHOLDS * 4)]


@PROGRAMS
@pytest.mark.parametrize("name", pipelines())
def test_every_shipped_graph(name: str, program: Program, fitted: Fitted, found_by: FoundBy) -> None:
    model, cases = fitted(name)
    found = found_by(program, model.path / "model.onnx", cases)
    assert found.differences == {}
    assert found.agreed == found.cases > 15


@PROGRAMS
@pytest.mark.parametrize(
    "form", [{"k": 5, "half": True}, {"raw_ids": True}, {"allow": True}], ids=lambda form: "+".join(form)
)
def test_every_form(form: dict, program: Program, exported: Exported, allowed: Path, found_by: FoundBy) -> None:
    if "raw_ids" in form and not program.raw_ids:
        pytest.skip(f"{program.name} has no ai.onnx.ml")
    settings = ExportSettings(**form | ({"allow": str(allowed)} if "allow" in form else {}))
    graph, cases = exported("full", settings)
    found = found_by(program, graph, cases)
    assert found.differences == {}
    assert found.agreed == found.cases > 15


@pytest.fixture(scope="module")
def allowed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """40 of the toy shop's 48 items, whose ids are 1000 to 1047."""
    path = tmp_path_factory.mktemp("allowed") / "allow.txt"
    path.write_text("\n".join(str(n) for n in range(1000, 1040)))
    return path


@PROGRAMS
def test_own_ids_past_what_float64_holds(program: Program, tmp_path: Path, found_by: FoundBy) -> None:
    if not program.raw_ids:
        pytest.skip(f"{program.name} has no ai.onnx.ml")
    ids = pa.array(range(2**53 - 20, 2**53 + 28), pa.int64())
    write_model_folder(tmp_path / "model", exported_graph("one factored", 48, 10), n_items=48, top_k=10, item_ids=ids)
    model = open_model(tmp_path / "model")
    export_graph(model, ExportSettings(raw_ids=True), tmp_path / "g.onnx", conformance=tmp_path)
    found = found_by(program, tmp_path / "g.onnx", tmp_path / "cases.json")
    assert found.differences == {}
    assert found.agreed > 15


@PROGRAMS
def test_external_data(program: Program, exported: Exported, found_by: FoundBy) -> None:
    """A page has to be given the second file by hand; all others read it beside the first."""
    graph, cases = exported("default", ExportSettings(external_data=True))
    found = found_by(program, graph, cases)
    assert found.differences == {}
