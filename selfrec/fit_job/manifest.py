"""The manifest of a fitted model."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import version

from selfrec.fit_job.fitted_pipeline import FittedPipeline
from selfrec.host.manager import PluginManager
from selfrec.host.records import Kind
from selfrec.model_folder.manifest import CleaningRow, Fingerprint, Manifest, SourceColumns, StageRow


def manifest_of(fitted: FittedPipeline, plugins: PluginManager) -> Manifest:
    """All that the manifest says except the hashes, which are added when the folder is committed."""
    config, dataset, recommender = fitted.config, fitted.dataset, fitted.recommender
    table = fitted.stages.table
    reads_users = "user_features" in recommender.extra_inputs
    return Manifest(
        selfrec_version=version("selfrec"),
        plugins=plugin_versions(plugins, {(part.kind, part.record.name) for part in fitted.final.parts}),
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        seed=config.seed,
        config=config,
        columns=SourceColumns(**dataset.columns, user_type=dataset.user_type, item_type=dataset.item_type),
        data=Fingerprint(**dataset.fingerprint),
        n_items=recommender.n_items,
        top_k=recommender.top_k,
        user_features=dataset.user_table.labels if dataset.user_table is not None and reads_users else (),
        user_table=dataset.user_table if reads_users else None,
        item_table=dataset.item_table,
        stages=tuple(StageRow(name=row.name, metrics=dict(row.metrics), chosen=row.kept) for row in table),
        search=fitted.trials,
        cleaning=tuple(CleaningRow(**asdict(row)) for row in dataset.report),
    )


def plugin_versions(plugins: PluginManager, used: Container[tuple[Kind, str]]) -> dict[str, str]:
    """Version of each distribution that one of these parts, by kind and name, comes from."""
    return {
        info.distribution: info.version
        for info in plugins.listing()
        if info.distribution and any((record.kind, record.name) in used for record in info.parts)
    }
