"""The shared training loop: AdamW on a part's own `training_loss`, mini-batches, early stopping."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor, nn

from selfrec.errors import PluginError
from selfrec.pipeline.batch import UserBatch
from selfrec.pipeline.fitting import Epoch, Fitting
from selfrec.pipeline.parts import wanted_of
from selfrec.pipeline.plugin_numbers import check_epoch_options
from selfrec.settings.base import EpochOptions


def train_by_epochs(module: nn.Module, fitting: Fitting) -> None:
    """Minimise `module.training_loss(...)` over the training rows (for rankers: the candidate rows).

    The options must be EpochOptions: epochs, batch_size, learning_rate, weight_decay, patience.
    """
    options = fitting.options
    name = fitting.part.name
    loss_of: Callable[..., Tensor] | None = getattr(module, "training_loss", None)
    if not isinstance(options, EpochOptions) or loss_of is None:
        raise PluginError(
            f"{name}: without a trainer it needs options derived from EpochOptions and a method "
            f"{wanted_of(fitting.part.kind, 'training_loss')}"
        )
    check_epoch_options(fitting.part)
    parameters = [parameter for parameter in module.parameters() if parameter.requires_grad]
    if not parameters:
        raise PluginError(f"{name}: nothing to train; a part without parameters needs a trainer")
    optimizer = torch.optim.AdamW(
        parameters, lr=options.learning_rate, weight_decay=options.weight_decay, fused=fitting.device.type == "cpu"
    )
    for epoch in fitting.epochs(module, options.epochs, state={"optimizer": optimizer}, patience=options.patience):
        total, users = 0.0, 0
        for arguments in _arguments(fitting, options.batch_size, epoch):
            loss = _scalar(fitting, fitting.part.call("training_loss", loss_of, *arguments))
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            size = len(arguments[0].history)
            total, users = total + float(loss.detach()) * size, users + size
        epoch.report(loss=total / max(1, users))


def _scalar(fitting: Fitting, loss: Any) -> Tensor:
    """The loss, when it is one number that gradients can be taken of."""
    if isinstance(loss, Tensor) and loss.dim() == 0 and loss.requires_grad:
        return loss
    found = f"{loss.dtype} {list(loss.shape)}" if isinstance(loss, Tensor) else f"a {type(loss).__name__}"
    without = " without gradients" if isinstance(loss, Tensor) and loss.dim() == 0 else ""
    raise PluginError(
        f"{fitting.part.name}: `training_loss` returned {found}{without}; the contract wants torch.float32 [] that "
        "depends on the module's parameters"
    )


def _arguments(fitting: Fitting, size: int, epoch: Epoch) -> Iterator[tuple[Any, ...]]:
    """The arguments of `training_loss` for each batch, as the kind of part wants them."""
    kind = fitting.part.kind
    if kind == "extractor":
        for batch in fitting.batches(size, epoch):
            yield (batch,)
    elif kind == "generator":
        for batch in fitting.batches(size, epoch):
            yield (batch, fitting.features(batch))
    else:
        rows = fitting.candidate_rows
        if rows is None:
            raise PluginError(f"{fitting.part.name}: there are no candidate rows to learn from")
        for chosen in fitting.row_batches(size, epoch, rows=len(rows.inputs)):
            batch = UserBatch.of(rows.inputs, chosen, device=fitting.device)
            arrays = (rows.candidates[chosen], rows.scores[chosen], rows.labels[chosen])
            yield (batch, fitting.features(batch), *(torch.from_numpy(a).to(fitting.device) for a in arrays))
