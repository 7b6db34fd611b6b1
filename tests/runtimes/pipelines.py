"""Every shipped preset and part as a pipeline to fit on the toy shop."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import selfrec
from selfrec.export.conformance import write_cases
from selfrec.export.golden import golden_batches
from selfrec.host.manager import PluginManager
from selfrec.host.records import Kind
from selfrec.model_folder.reading import Model, open_model
from selfrec.settings.presets import PRESETS


def shipped(kind: Kind) -> list[str]:
    """Names of selfrec's own parts of a kind."""
    return [record.name for info, record in PluginManager.load().parts(kind) if info.distribution == "selfrec"]


def pipelines() -> dict[str, dict[str, Any]]:
    """Options of `fit` by name: the presets, then each part with the least others it can do with."""
    found: dict[str, dict[str, Any]] = {name: {"preset": name} for name in PRESETS}
    base: dict[str, Any] = {"pipeline.extractors": ["autoencoder"], "pipeline.ranker": None}
    for name in shipped("extractor"):
        found[f"extractor {name}"] = base | {"pipeline.extractors": [name], "pipeline.generators": ["gan"]}
    for name in shipped("generator"):
        options = base | {"pipeline.generators": [name]}
        # What an extractor is fitted with above need not be fitted once more.
        if options not in found.values():
            found[f"generator {name}"] = options
    for name in shipped("ranker"):
        found[f"ranker {name}"] = base | {"pipeline.generators": ["autoencoder"], "pipeline.ranker": name}
    return found


def fit_pipeline(name: str, shop: Path, folder: Path) -> tuple[Model, Path]:
    """Fit it on a shop of tests.shop; its model and its cases.json."""
    options = dict(pipelines()[name])
    preset = options.pop("preset", None)
    out = folder / name.replace(" ", "_")
    toy = {"source.table": "events", "cleaning.min_users_per_item": 1, "pipeline.keep": "all"}
    selfrec.fit(shop, out, preset=preset, items="products", options={**toy, **options})
    return with_cases(out)


def with_cases(folder: Path) -> tuple[Model, Path]:
    """A model's folder opened, and its cases.json written beside it."""
    model = open_model(folder)
    return model, write_cases(folder.parent / f"golden_{folder.name}", golden_batches(model, None), model.sha256)
