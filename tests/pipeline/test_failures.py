"""A plugin that fails in `fit`: the error names the plugin, the stage and what the contract wanted."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from selfrec.errors import PluginError
from selfrec.host.records import ExtraInput, PartRecord
from selfrec.pipeline.features import Features
from selfrec.pipeline.fitting import CandidateRows
from selfrec.pipeline.part_building import build_part
from selfrec.pipeline.parts import Part
from selfrec.pipeline.probing import probe
from selfrec.pipeline.stages import StageTrainer
from selfrec.plugin import EpochOptions, FeatureExtractor, Generator, Ranker, Sizes
from selfrec.testing import checkerboard, checkerboard_holdout
from tests.pipeline.broken_parts import (
    Complains,
    Detached,
    Diverges,
    Draws,
    Falls,
    FewerCandidates,
    Lacks,
    LooksAround,
    NarrowFeatures,
    NoLoss,
    NotFinite,
    Number,
    Remembers,
    Short,
    Sparse,
    TwoWidths,
    Vector,
    WithPadding,
    WritesInto,
    complaining,
    doubles_weights,
    falling,
    infinite,
    lacking,
    leaving,
    lists,
    misspelling,
    outgrown,
    reads_a_column,
    refusing,
    silent,
)
from tests.pipeline.test_stages import trainer
from tests.toys import AgeRanker, Dense, NoOptions, Toys, keep_as_built

OPTIONS: dict[str, Any] = {"summary": "a toy", "options": EpochOptions}


def generator(build: Callable[[Sizes], Any] = Dense, trainer: Any = None) -> Generator:
    return Generator(name="broken", build=lambda options, sizes: build(sizes), trainer=trainer, **OPTIONS)


def extractor(build: Callable[[Sizes], Any]) -> FeatureExtractor:
    return FeatureExtractor(name="broken", build=lambda options, sizes: build(sizes), **OPTIONS)


def ranker(build: Callable[[Sizes], Any]) -> Ranker:
    return Ranker(name="broken", build=lambda options, sizes: build(sizes), trainer=keep_as_built, **OPTIONS)


def fit(record: PartRecord) -> StageTrainer:
    """Select a pipeline with the part in it, on the checkerboard."""
    pipeline: dict[str, Any] = {"keep": "all"}
    if record.kind == "extractor":
        pipeline |= {"extractors": ("broken",), "generators": ("dense",)}
    elif record.kind == "generator":
        pipeline |= {"generators": ("broken",)}
    else:
        pipeline |= {"generators": ("dense",), "ranker": "broken"}
    tables: dict[str, Any] = {"extractor": {}, "generator": {}, "ranker": {}}
    stages = trainer(toys=Toys(record), pipeline=pipeline, **tables)
    stages.select(checkerboard(), checkerboard_holdout())
    return stages


@pytest.mark.parametrize(
    ("record", "wanted"),
    [
        (
            generator(trainer=falling),
            "generator 'broken': training failed: ZeroDivisionError: no users; the contract wants "
            "trainer(module, fitting) to run to its end: --verbose shows the traceback",
        ),
        (
            generator(trainer=leaving),
            "generator 'broken': training failed: SystemExit: 0; the contract wants "
            "trainer(module, fitting) to run to its end: --verbose shows the traceback",
        ),
        (
            generator(refusing),
            "generator 'broken': build failed: ValueError: 20 items are too few; the contract wants "
            "build(options, sizes) -> torch.nn.Module: --verbose shows the traceback",
        ),
        (
            generator(lambda sizes: None),
            "generator 'broken': build returned a NoneType; the contract wants "
            "build(options, sizes) -> torch.nn.Module",
        ),
        (
            generator(trainer=silent),
            "generator 'broken': epoch 1 ended without `epoch.report(loss=...)`",
        ),
        (
            generator(Diverges),
            "generator 'broken': loss is nan in epoch 1; the contract wants finite losses: try a smaller learning rate",
        ),
        (
            generator(trainer=infinite),
            "generator 'broken': after training layer.weight holds NaN or infinity; the contract wants finite weights: "
            "try a smaller learning rate",
        ),
        (
            generator(trainer=complaining),
            "generator 'broken': needs times; use another part",
        ),
        (
            generator(Complains, keep_as_built),
            "generator 'broken': needs times; use another part",
        ),
        (
            generator(trainer=outgrown),
            "generator 'broken': training takes more memory than there is; fit fewer items "
            "(cleaning.min_users_per_item), or with smaller options",
        ),
        (
            generator(trainer=misspelling),
            "generator 'broken': training failed: ModuleNotFoundError: No module named 'torch.no_such_module'; the "
            "contract wants trainer(module, fitting) to run to its end: --verbose shows the traceback",
        ),
        (
            generator(trainer=lacking),
            "generator 'broken': training needs the package 'no_such_package', which is not installed; install it "
            "beside selfrec",
        ),
        (
            generator(lacking),
            "generator 'broken': build needs the package 'no_such_package', which is not installed; install it "
            "beside selfrec",
        ),
        (
            generator(Lacks, keep_as_built),
            "generator 'broken': generate needs the package 'no_such_package', which is not installed; install it "
            "beside selfrec",
        ),
        (
            generator(Remembers),
            "generator 'broken': _extra_state in its state is a dict; the contract wants dense tensors, for the model "
            "folder: keep what is learned in buffers (register_buffer)",
        ),
        (
            generator(trainer=lists),
            "generator 'broken': pairs in its state is no dense tensor; the contract wants dense tensors, for the "
            "model folder: keep indices and values as two buffers",
        ),
        (
            replace(generator(), inputs=lambda options: options.nope),
            "generator 'broken': inputs failed: AttributeError: 'EpochOptions' object has no attribute 'nope'; the "
            "contract wants inputs(options) -> frozenset of graph inputs",
        ),
        (
            replace(generator(), inputs=lambda options: "ages"),  # type: ignore[arg-type, return-value]
            "generator 'broken': inputs gives 'ages'; it must give a set, as {'ages'}",
        ),
        (
            replace(generator(), inputs=lambda options: {"times"}),  # type: ignore[arg-type, return-value]
            "generator 'broken': unknown graph input 'times'; known: ages, user_features",
        ),
        (
            generator(trainer=reads_a_column),
            "generator 'broken': training failed: the item table lacks a column 'title'; give one with "
            "`selfrec fit --items` (its columns: none)",
        ),
        (
            generator(trainer=doubles_weights),
            "generator 'broken': its trainer changes fitting.histories.items and fitting.histories.weights in place, "
            "which other parts learn from after it; the contract wants the rows left as they are: copy first "
            "(torch.from_numpy shares the array's memory)",
        ),
        (
            generator(NoLoss),
            "generator 'broken': without a trainer it needs options derived from EpochOptions and a method "
            "training_loss(batch, features) -> float32[]",
        ),
        (
            generator(Vector),
            "generator 'broken': `training_loss` returned torch.float32 [40]; the contract wants torch.float32 [] that "
            "depends on the module's parameters",
        ),
        (
            generator(Detached),
            "generator 'broken': `training_loss` returned torch.float32 [] without gradients; the contract wants "
            "torch.float32 [] that depends on the module's parameters",
        ),
        (
            generator(Short, keep_as_built),
            "generator 'broken': `generate` returned torch.float32 [16, 19]; the contract wants torch.float32 [B, N], "
            "here [16, 20]",
        ),
        (
            generator(Number, keep_as_built),
            "generator 'broken': `generate` returned a float; the contract wants torch.float32 [B, N]",
        ),
        (
            generator(NotFinite, keep_as_built),
            "generator 'broken': `generate` returned NaN or infinity after training; the contract wants finite "
            "numbers: try a smaller learning rate",
        ),
        (
            generator(Falls, keep_as_built),
            "generator 'broken': generate failed: KeyError: 'colour'; the contract wants "
            "generate(batch, features) -> float32[B, N]: `selfrec plugins check broken`",
        ),
        (
            generator(Draws, keep_as_built),
            "generator 'broken': `generate` gives the same users other numbers each time; the contract wants nothing "
            "drawn when scoring: torch.nn.Dropout, or functional.dropout with training=self.training",
        ),
        (
            generator(LooksAround, keep_as_built),
            "generator 'broken': `generate` gives a user alone other numbers than beside others; the contract wants "
            "every user's from that user's history: no sums, means or ranks over the batch",
        ),
        (
            generator(WritesInto, keep_as_built),
            "generator 'broken': `generate` changes batch.weights and features in place, which other parts read after "
            "it; the contract wants its inputs left as they are: compute new tensors, or `clone()` first",
        ),
        (
            generator(lambda sizes: nn.Linear(1, 1), keep_as_built),
            "generator 'broken': its module Linear has no method `generate`; the contract wants "
            "generate(batch, features) -> float32[B, N]",
        ),
        (
            generator(TwoWidths, keep_as_built),
            "generator 'broken': `query` returned [16, 3] and `item_factors` [20, 4]; the contract wants [B, d] and "
            "[N, d] of one d",
        ),
        (
            generator(WithPadding, keep_as_built),
            "generator 'broken': `item_factors` returned torch.float32 [21, 4]; the contract wants torch.float32 "
            "[N, d], here [20, any]",
        ),
        (
            generator(lambda sizes: Sparse(None), keep_as_built),
            "generator 'broken': `sparse_scores` returned a NoneType; the contract wants "
            "sparse_scores(batch, features) -> int64[B, S], float32[B, S], both of one shape",
        ),
        (
            generator(
                lambda sizes: Sparse(lambda users: (torch.zeros(users, 2), torch.zeros(users, 2))), keep_as_built
            ),
            "generator 'broken': `sparse_scores` returned torch.float32 [16, 2] and torch.float32 [16, 2]; the "
            "contract wants sparse_scores(batch, features) -> int64[B, S], float32[B, S], both of one shape",
        ),
        (
            generator(lambda sizes: Sparse((torch.zeros(3, 2).long(), torch.zeros(3, 2))), keep_as_built),
            "generator 'broken': `sparse_scores` returned torch.float32 [3, 2]; the contract wants torch.float32 "
            "[B, S], here [16, any]",
        ),
        (
            generator(
                lambda sizes: Sparse(lambda users: (torch.full((users, 2), 21), torch.zeros(users, 2))), keep_as_built
            ),
            "generator 'broken': `sparse_scores` returned item numbers 21 to 21; the contract wants 0 to N = 20, which "
            "is none",
        ),
        (
            extractor(lambda sizes: NarrowFeatures(sizes.items)),
            "extractor 'broken': `extract` returned torch.float32 [40, 8]; the contract wants torch.float32 "
            "[B, width], here [40, 9]",
        ),
        (
            ranker(FewerCandidates),
            "ranker 'broken': `rank` returned torch.float64 [16, 20]; the contract wants torch.float32 [B, C], "
            "here [16, 20]",
        ),
    ],
)
def test_a_failure_in_training(record: PartRecord, wanted: str) -> None:
    with pytest.raises(PluginError) as raised:
        fit(record)
    # The lines of the plugin's code are in tests/host/test_plugin_lines.py.
    assert re.sub(r" \(\w+\.py, line \d+\)", "", str(raised.value)) == wanted


def told_of(inputs: frozenset[ExtraInput]) -> Part:
    """A ranker that reads ages, after a look at what it does on rows with times and a user column."""
    record = replace(ranker(AgeRanker), inputs=inputs)
    part = build_part(record, "broken", NoOptions(), Sizes(items=20, generators=1, candidates=20), 0)
    rows = checkerboard()
    rows = replace(rows, ages=np.ones_like(rows.weights), user_features=np.ones((len(rows), 2), np.float32))
    seen = (np.tile(np.arange(20), (40, 1)), np.zeros((40, 20, 1), np.float32), np.zeros((40, 20), np.float32))
    fitting: Any = SimpleNamespace(
        candidate_rows=CandidateRows(rows, *seen), features_of=Features([]), device="cpu", sizes=Sizes(items=20)
    )
    probe(part, fitting)
    return part


def test_a_part_that_reads_what_its_record_does_not_ask_for() -> None:
    with pytest.raises(PluginError) as raised:
        told_of(frozenset())
    assert str(raised.value) == (
        "ranker 'broken': `rank` reads batch.ages, which its record does not ask for, so that the graph would give it "
        "0; the contract wants inputs=frozenset({'ages'}) in the record"
    )
    assert told_of(frozenset({"ages"})).label == "broken"
