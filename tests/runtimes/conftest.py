"""Every shipped preset and part, fitted on the toy shop by the real job, with its golden batches."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

import selfrec
from selfrec.export.conformance import write_cases
from selfrec.export.golden import golden_batches
from selfrec.host.manager import PluginManager
from selfrec.model_folder.reading import Model, open_model
from selfrec.settings.presets import PRESETS
from tests.runtimes.programs import Program
from tests.shop import make_shop

REQUIRED = os.environ.get("SELFREC_RUNTIMES", "").split(",")
"""Names of runtimes that must be here: where one is missing, its tests fail and are not skipped."""


def shipped(kind: str) -> list[str]:
    """Names of selfrec's own parts of a kind."""
    return [record.name for info, record in PluginManager.load().parts(kind) if info.distribution == "selfrec"]


def pipelines() -> dict[str, dict[str, object]]:
    """Options of `fit` by name: the presets, then each part with the least others it can do with."""
    found: dict[str, dict[str, object]] = {name: {"preset": name} for name in PRESETS}
    base = {"pipeline.extractors": ["autoencoder"], "pipeline.ranker": None}
    for name in shipped("extractor"):
        found[f"extractor {name}"] = base | {"pipeline.extractors": [name], "pipeline.generators": ["gan"]}
    for name in shipped("generator"):
        found[f"generator {name}"] = base | {"pipeline.generators": [name]}
    for name in shipped("ranker"):
        found[f"ranker {name}"] = base | {"pipeline.generators": ["autoencoder"], "pipeline.ranker": name}
    return found


Fitted = Callable[[str], tuple[Model, Path]]


@pytest.fixture(scope="session")
def fitted(tmp_path_factory: pytest.TempPathFactory) -> Fitted:
    """A pipeline's model and its cases.json, by name; each is fitted once."""
    folder = tmp_path_factory.mktemp("runtimes")
    shop = make_shop(folder / "shop.duckdb")
    made: dict[str, tuple[Model, Path]] = {}

    def model_of(name: str) -> tuple[Model, Path]:
        if name not in made:
            options = dict(pipelines()[name])
            preset = options.pop("preset", None)
            out = folder / name.replace(" ", "_")
            selfrec.fit(shop, out, preset=preset, items="products", options={
                "source.table": "events", "cleaning.min_users_per_item": 1, "pipeline.keep": "all", **options,
            })  # fmt: skip
            model = open_model(out)
            cases = write_cases(folder / f"golden_{out.name}", golden_batches(model, None), model.sha256)
            made[name] = (model, cases)
        return made[name]

    return model_of


def needed(program: Program) -> Program:
    """The program, or a skip that says why; a failure where the environment asks for it."""
    if program.missing and program.name in REQUIRED:
        pytest.fail(f"SELFREC_RUNTIMES asks for it: {program.missing}")
    if program.missing:
        pytest.skip(program.missing)
    return program
