"""Every shipped preset and part, fitted on the toy shop by the real job, with its golden batches."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from selfrec.export.conformance import CASES
from selfrec.export.job import export_graph
from selfrec.model_folder.reading import Model
from selfrec.settings.export import ExportSettings
from selfrec.settings.presets import PRESETS
from tests.program import selfrec
from tests.runtimes.pipelines import fit_pipeline, with_cases
from tests.runtimes.programs import Program
from tests.shop import make_shop

REQUIRED = os.environ.get("SELFREC_RUNTIMES", "").split(",")
"""Names of runtimes that must be here: where one is missing, its tests fail and are not skipped."""


Fitted = Callable[[str], tuple[Model, Path]]


@pytest.fixture(scope="session")
def fitted(tmp_path_factory: pytest.TempPathFactory) -> Fitted:
    """A pipeline's model and its cases.json, by name; each is fitted once."""
    folder = tmp_path_factory.mktemp("runtimes")
    shop = make_shop(folder / "shop.duckdb")
    made: dict[str, tuple[Model, Path]] = {}

    def model_of(name: str) -> tuple[Model, Path]:
        if name not in made:
            made[name] = (fit_preset if name in PRESETS else fit_pipeline)(name, shop, folder)
        return made[name]

    return model_of


def fit_preset(name: str, shop: Path, folder: Path) -> tuple[Model, Path]:
    """As a user does: with the command line."""
    ran = selfrec(
        "fit", shop, "--table", "events", "--items", "products", "--out", folder / name, "--preset", name,
        "-o", "pipeline.keep=all",
    )  # fmt: skip
    assert ran.code == 0, ran.out + ran.err
    return with_cases(folder / name)


Exported = Callable[[str, ExportSettings], tuple[Path, Path]]


@pytest.fixture(scope="session")
def exported(fitted: Fitted, tmp_path_factory: pytest.TempPathFactory) -> Exported:
    """The graph of a pipeline in one form and its cases.json; each is exported once."""

    @functools.cache
    def graph_of(name: str, settings: str) -> tuple[Path, Path]:
        model, _ = fitted(name)
        folder = tmp_path_factory.mktemp("form")
        export_graph(model, ExportSettings.model_validate_json(settings), folder / "graph.onnx", conformance=folder)
        return folder / "graph.onnx", folder / CASES

    return lambda name, settings: graph_of(name, settings.model_dump_json())


def needed(program: Program) -> Program:
    """The program, or a skip that says why; a failure where the environment asks for it."""
    if program.missing and program.name in REQUIRED:
        pytest.fail(f"SELFREC_RUNTIMES asks for it: {program.missing}")
    if program.missing:
        pytest.skip(program.missing)
    return program
