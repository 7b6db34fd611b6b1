"""Fitting a shipped part on small data, and its export as a graph of its own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime
import torch
from torch import Tensor, nn

from selfrec.graph.ops import ALLOWED_OPS
from selfrec.histories import Histories, Holdout
from selfrec.host.records import PartRecord, Sizes
from selfrec.pipeline.checkpoint import Checkpoint
from selfrec.pipeline.features import Features
from selfrec.pipeline.fitting import CandidateRows, Fitting
from selfrec.pipeline.part_building import build_part
from selfrec.pipeline.parts import Part
from selfrec.plugin import UserBatch, train_by_epochs
from tests.catalogs import catalog_of

Example = tuple[Tensor, ...]


def inside(part: Part) -> Any:
    """The part's module, for a test that looks at its own tensors."""
    return part.module


def built(record: PartRecord, sizes: Sizes, *, seed: int = 0, **options: Any) -> Part:
    """The part, untrained."""
    return build_part(record, record.name, record.options(**options), sizes, seed)


def fitting_of(
    part: Part,
    histories: Histories,
    sizes: Sizes,
    *,
    validation: Holdout | None = None,
    popularity: Sequence[float] | None = None,
    rows: CandidateRows | None = None,
    seed: int = 0,
) -> Fitting:
    """What the part's trainer is given; there are no extractors."""
    counts = histories.item_counts().tolist() if popularity is None else popularity
    return Fitting(
        part=part,
        sizes=sizes,
        histories=histories,
        validation=validation,
        catalog=catalog_of(range(len(counts)), counts),
        seed=seed,
        device=torch.device("cpu"),
        features_of=Features([]),
        notify=lambda part, number, metrics: None,
        checkpoint=Checkpoint(None),
        candidate_rows=rows,
    )


def trained(part: Part, fitting: Fitting) -> Fitting:
    """Run the part's own trainer, or the shared loop."""
    (part.record.trainer or train_by_epochs)(part.module, fitting)
    part.module.eval()
    return fitting


def batch_of(rows: list[list[int]], items: int, weights: list[list[float]] | None = None) -> UserBatch:
    """Histories written by hand, as tensors."""
    return UserBatch.of(Histories.from_rows(rows, items, weights))


def none(batch: UserBatch) -> Tensor:
    """No features."""
    return batch.weights.new_zeros(len(batch.history), 0)


def fitted_on(record: PartRecord, rows: list[list[int]], items: int, **options: Any) -> Any:
    """The part, trained on these rows."""
    sizes = Sizes(items=items)
    part = built(record, sizes, **options)
    trained(part, fitting_of(part, Histories.from_rows(rows, items), sizes))
    return part


def scores_on(record: PartRecord, rows: list[list[int]], asked: list[list[int]], items: int, **options: Any) -> Tensor:
    """float32[B, N] what a generator trained on `rows` gives users with the histories `asked`."""
    batch = batch_of(asked, items)
    given: Tensor = fitted_on(record, rows, items, **options).generate(batch, none(batch), items)
    return given


def random_batch(users: int, length: int, items: int) -> tuple[Tensor, Tensor]:
    """history int64[B, H] with padding among it, weights float32[B, H]."""
    rng = np.random.default_rng([users, length])
    history = torch.from_numpy(rng.integers(0, items + 1, size=(users, length)))
    weights = torch.from_numpy(rng.uniform(0.5, 2, size=(users, length)).astype(np.float32))
    return history, weights * (history < items)


def assert_same_in_onnx(
    module: nn.Module, inputs: Callable[[int, int], Example], names: Sequence[str], axes: Sequence[Any]
) -> set[str]:
    """torch and onnxruntime agree on batches of 0, 1, 2, 7 users with 0, 1, 5 slots; the operations used."""
    program = torch.onnx.export(
        module,
        inputs(3, 4),
        dynamo=True,
        opset_version=18,
        dynamic_shapes=tuple(axes),
        input_names=list(names),
        verbose=False,
    )
    assert program is not None
    operations = {node.op_type for node in program.model.graph}
    assert operations <= ALLOWED_OPS
    session = onnxruntime.InferenceSession(program.model_proto.SerializeToString(), providers=["CPUExecutionProvider"])
    wanted = [value.name for value in session.get_inputs()]
    for users in (0, 1, 2, 7):
        for length in (0, 1, 5):
            example = inputs(users, length)
            feed = {name: value.numpy() for name, value in zip(names, example, strict=True) if name in wanted}
            (got,) = session.run(None, feed)
            with torch.no_grad():
                expected: npt.NDArray[np.float32] = module(*example).numpy()
            np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-5)
            assert np.isfinite(expected).all()
    return operations
