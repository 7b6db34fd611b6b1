"""A trained part is asked for a few rows, as scoring will ask it: shapes, types, finite numbers, declared inputs."""

from __future__ import annotations

from collections.abc import Callable
from typing import get_args

import numpy as np
import torch
from torch import Tensor

from selfrec.errors import PluginError
from selfrec.host.records import ExtraInput
from selfrec.pipeline.batch import UserBatch
from selfrec.pipeline.fitting import Fitting
from selfrec.pipeline.parts import Part
from selfrec.pipeline.remedies import against_infinity

PROBED = 16
"""Rows that a trained part is asked for at once."""


def check_loaded(part: Part, fitting: Fitting, given: Tensor | None) -> None:
    """Raises PluginError where a part that was loaded gives other numbers than it gave after its training."""
    now = probe(part, fitting)
    if given is not None and now is not None and (given.shape != now.shape or _moved(given.to(now.device), now)):
        raise PluginError(
            f"{part.name}: once loaded it gives other numbers than after its training, so not all that it learned is "
            "in its state_dict; keep it in buffers (register_buffer), and fit without --resume"
        )


def check_dense(part: Part) -> None:
    """Raises PluginError where something in the part's state is no dense tensor."""
    for name, value in part.module.state_dict().items():
        if not isinstance(value, Tensor):
            raise PluginError(
                f"{part.name}: {name} in its state is a {type(value).__name__}; the contract wants dense tensors, for "
                "the model folder: keep what is learned in buffers (register_buffer)"
            )
        if value.is_sparse:
            raise PluginError(
                f"{part.name}: {name} in its state is no dense tensor; the contract wants dense tensors, for the model "
                "folder: keep indices and values as two buffers"
            )


def check_state(part: Part) -> None:
    """Raises PluginError where what the part has learned is not finite, or is no dense tensor."""
    check_dense(part)
    for name, value in part.module.state_dict().items():
        if value.is_floating_point() and not bool(torch.isfinite(value).all()):
            raise PluginError(
                f"{part.name}: after training {name} holds NaN or infinity; the contract wants finite weights: "
                f"{against_infinity(part.options, part.key)}"
            )


@torch.no_grad()
def probe(part: Part, fitting: Fitting) -> Tensor | None:
    """Ask the trained part for a few training rows, as scoring will: shapes, types, finite numbers, declared inputs.

    Returns what it gave; None for a ranker without rows. Raises PluginError that names the method and what the
    contract wants of it.
    """
    asked = _asking(part, fitting)
    if asked is None:
        return None
    method, batch, run = asked
    output = run(batch, slice(None))
    part.check_finite(method, output)
    if _moved(output, run(batch, slice(None))):
        raise PluginError(
            f"{part.name}: `{method}` gives the same users other numbers each time{part.at(method)}; the contract "
            "wants nothing drawn when scoring: torch.nn.Dropout, or functional.dropout with training=self.training"
        )
    if _needs_company(output, run(UserBatch(*(value[:1] for value in batch)), slice(1))):
        raise PluginError(
            f"{part.name}: `{method}` gives a user alone other numbers than beside others{part.at(method)}; the "
            "contract wants every user's from that user's history: no sums, means or ranks over the batch"
        )
    for name in get_args(ExtraInput):
        without = batch._replace(**{name: torch.zeros_like(getattr(batch, name))})
        if name not in part.record.reads(part.options) and _moved(output, run(without, slice(None))):
            raise PluginError(
                f"{part.name}: `{method}` reads batch.{name}, which its record does not ask for, so that the graph "
                f"would give it 0; the contract wants inputs=frozenset({{{name!r}}}) in the record"
            )
    return output


_Run = Callable[[UserBatch, slice], Tensor]
"""A part's output for a batch, which holds these of the probed users."""


def _asking(part: Part, fitting: Fitting) -> tuple[str, UserBatch, _Run] | None:
    """The part's method, a few rows and how it is asked for them; None for a ranker without rows."""
    if part.kind == "ranker":
        rows = fitting.candidate_rows
        if rows is None:
            return None
        batch = UserBatch.of(rows.inputs, np.arange(min(PROBED, len(rows.inputs))), device=fitting.device)
        arrays = (rows.candidates[:PROBED], rows.scores[:PROBED])
        candidates, scores = (torch.from_numpy(array).to(fitting.device) for array in arrays)
        features, real = fitting.features_of(batch), candidates < fitting.sizes.items

        def rank(users: UserBatch, own: slice) -> Tensor:
            return part.rank(users, features[own], candidates[own], scores[own])[real[own]]

        return "rank", batch, rank
    batch = fitting.batch(np.arange(min(PROBED, len(fitting.histories))))
    if part.kind == "extractor":
        return "extract", batch, lambda users, own: part.extract(users)
    features = fitting.features_of(batch)
    return "generate", batch, lambda users, own: part.generate(users, features[own], fitting.sizes.items)


def _moved(output: Tensor, other: Tensor) -> bool:
    return not torch.allclose(output, other, rtol=1e-4, atol=1e-6)


def _needs_company(output: Tensor, alone: Tensor) -> bool:
    """Whether the first user's output changes when that user is alone in the batch, by more than rounding explains:
    products of another size are rounded in another order.
    """
    if not output.numel():
        return False
    beside, near = output.flatten()[: alone.numel()], 1e-4 * float(output.abs().max())
    return not torch.allclose(alone.flatten(), beside, rtol=0, atol=near)
