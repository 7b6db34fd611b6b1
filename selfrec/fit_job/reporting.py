"""What the report of a fit shows: counts and means over many users, gathered while the parts are still at hand."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from importlib.metadata import version

import numpy as np
import torch

from selfrec.evaluation.result import Evaluation
from selfrec.fit_job.fitted_pipeline import FittedPipeline
from selfrec.histories import Float32, Histories
from selfrec.pipeline.batch import UserBatch
from selfrec.pipeline.chosen import Chosen
from selfrec.pipeline.features import Features
from selfrec.pipeline.parts import Part
from selfrec.pipeline.pipeline_training import AUGMENTED, SELECTION
from selfrec.pipeline.recency import EVEN
from selfrec.pipeline.stages import StageTrainer
from selfrec.report.data import (
    POPULARITY_ALONE,
    CleaningRow,
    Curve,
    Generated,
    Reconstruction,
    ReportData,
    SplitRow,
    StageRow,
    TrialRow,
    curve_of,
    graph_of,
)
from selfrec.report.summaries import generated_lists, history_lengths, popularity_curve, reconstruction
from selfrec.settings.search import in_short
from selfrec.source.dataset import Dataset

SAMPLE_USERS = 300
"""Users whose scores the figures of reconstructed and generated histories sum up."""

LEAST_USERS = 5
"""Of a group whose figures are told: the folder goes to others, who shall learn nothing of a single user."""

SAMPLE_SCORES = 30_000_000
"""Most scores the sample may have, so that a large catalog means fewer users."""


def report_data(fitted: FittedPipeline, evaluation: Evaluation | None) -> ReportData:
    """Gather the report of a fit. evaluation: on the test part; None where it was not measured."""
    config, dataset, stages, recommender = fitted.config, fitted.dataset, fitted.stages, fitted.recommender
    sample = _sample(dataset.refit, config.seed)
    return ReportData(
        title=f"{config.preset} pipeline",
        version=version("selfrec"),
        fingerprint=dict(dataset.fingerprint),
        config=config.model_dump(mode="json"),
        graph=graph_of(recommender.top_k, recommender.extra_inputs),
        parts=_parts(fitted.final),
        popularity_half_lives=stages.parts.half_lives.days(dataset.refit),
        split=dataset.split,
        cleaning=tuple(CleaningRow(**asdict(row)) for row in dataset.report),
        splits=_splits(dataset),
        stages=tuple(StageRow(name=row.name, metrics=dict(row.metrics), exported=row.kept) for row in stages.table),
        trials=tuple(
            TrialRow(options=in_short(row.options), metrics=row.metrics, seconds=row.seconds, chosen=row.chosen)
            for row in fitted.trials
        ),
        curves=_curves(stages),
        history_lengths=history_lengths(dataset.refit),
        item_popularity=popularity_curve(dataset.refit.item_counts()),
        reconstruction=_reconstruction(stages.tried, sample),
        generated=_generated(stages.tried, sample),
        evaluation=None if evaluation is None else evaluation.of_many(LEAST_USERS),
        refitted=fitted.final is not fitted.chosen,
    )


def _parts(final: Chosen) -> tuple[str, ...]:
    """The exported parts: a generator with its weight in the sum unless that is 1, and how much old items count."""
    if not final.generators and final.ranker is None:
        return (POPULARITY_ALONE,)
    weights = dict(zip((part.key for part in final.generators), final.weights, strict=True))
    named = [
        f"{part.kind} {part.label}" + ("" if weights.get(part.key, 1.0) == 1 else f" x {weights[part.key]:.3g}")
        for part in final.parts
    ]
    return (*named, *(() if final.recency == EVEN else (str(final.recency),)))


def _sample(histories: Histories, seed: int) -> Histories:
    users = min(SAMPLE_USERS, max(5, SAMPLE_SCORES // histories.n_items))
    rows = np.random.default_rng([seed, 14]).permutation(len(histories))[:users]
    return histories.take(np.sort(rows))


def _splits(dataset: Dataset) -> tuple[SplitRow, ...]:
    def row(name: str, histories: Histories) -> SplitRow:
        return SplitRow(name=name, users=len(histories), rows=len(histories.items))

    return (
        row("train", dataset.train),
        row("validation", dataset.validation.targets),
        row("test", dataset.test.targets),
    )


def _curves(stages: StageTrainer) -> tuple[Curve, ...]:
    """The curves of the selection, where every epoch was validated."""
    curves = []
    for (phase, _), trained in stages.parts.trained.items():
        if phase in (SELECTION, AUGMENTED) and trained.curves:
            part = trained.part
            name = part.label if phase == SELECTION else f"{part.label} ({phase})"
            curves.append(curve_of(part.kind, name, trained.curves, trained.best_epoch))
    return tuple(curves)


@torch.no_grad()
def _scores(part: Part, features: Features, sample: Histories) -> Float32:
    """float32[U, N] the generator's scores of the sample."""
    # A part may have nothing to learn.
    state = part.module.state_dict()
    batch = UserBatch.of(sample, device=next(iter(state.values())).device if state else "cpu")
    scores: Float32 = features.generate(part, batch, sample.n_items).cpu().numpy()
    return scores


def _reconstruction(generators: Iterable[tuple[Part, Features]], sample: Histories) -> Reconstruction | None:
    """Of the generator that decodes an extractor's features: an autoencoder's output against its input."""
    for part, features in generators:
        if any(extractor.module is part.module for extractor in features.extractors):
            return reconstruction(_scores(part, features, sample), sample)
    return None


def _generated(generators: Iterable[tuple[Part, Features]], sample: Histories) -> tuple[Generated, ...]:
    """One entry for generators whose figures are all the same, such as two that order every user's items alike."""
    drawn = [generated_lists(part.label, _scores(part, features, sample), sample) for part, features in generators]
    labels: dict[Generated, tuple[str, ...]] = {}
    for one in drawn:
        if one is not None:
            alike = one.model_copy(update={"labels": ()})
            labels[alike] = labels.get(alike, ()) + one.labels
    return tuple(one.model_copy(update={"labels": same}) for one, same in labels.items())
