"""The trainer of every objective: plan, start, epochs."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from selfrec.plugin import Epoch, Fitting
from selfrec_autoencoder.choice import Plan, continued, plan_for
from selfrec_autoencoder.deep import DeepAutoencoder
from selfrec_autoencoder.deep_losses import deep_loss
from selfrec_autoencoder.edlae import can_fold, fold_edlae
from selfrec_autoencoder.elsa import elsa_loss, start_elsa
from selfrec_autoencoder.linear import TINY, LinearAutoencoder
from selfrec_autoencoder.softmax import SoftmaxLoss, start_softmax
from selfrec_autoencoder.sparse import FlatBatch
from selfrec_autoencoder.touched import TouchedAdam

WARM_UP = 0.1
"""Share of all steps over which the learning rate rises."""

BETAS = (0.9, 0.99)
"""AdamW's, for all that is trained."""

BALANCED_ON = 512
"""Training rows on which the two halves' spreads are compared."""

Losses = Callable[[Epoch], Iterator[Tensor]]


def train_autoencoder(module: LinearAutoencoder | DeepAutoencoder, fitting: Fitting) -> None:
    """Train the module on the fitting's rows."""
    plan = plan_for(fitting.options, fitting.histories)
    if isinstance(module, LinearAutoencoder):
        if fitting.chosen_state is not None and plan.split == module.width:
            module.load_state_dict(fitting.chosen_state)
            plan = continued(plan)
        else:
            _start(module, fitting, plan)
        tables = _tables(module, plan)
        _minimise(module, fitting, plan, _linear_losses(module, fitting, plan, tables), tables)
        if can_fold(module, plan):
            fold_edlae(module, fitting.histories, plan)
            _balance(module, fitting, plan)
            module.derive()
    else:
        _minimise(module, fitting, plan, _deep_losses(module, fitting, plan))


def _start(module: LinearAutoencoder, fitting: Fitting, plan: Plan) -> None:
    if fitting.warm_started:
        # What stays as it is does so at this fit's value, not at one that an earlier model learned or was given.
        with torch.no_grad():
            if plan.temperature_rate == 0:
                module.log_temperature.fill_(math.log(plan.temperature))
            if plan.gain_rate == 0:
                module.log_elsa_gain.zero_()
                module.log_elsa_scale.zero_()
        if bool(module.folded):
            _unfold(module, fitting, plan)
        return
    module.split.fill_(plan.split)
    module.twins.fill_(plan.twins)
    with torch.no_grad():
        module.encoder[-1] = 0
    if plan.split > 0:
        start_softmax(module, fitting.histories, plan, seed=fitting.seed)
    if plan.split < module.width:
        start_elsa(module, fitting.histories, plan, seed=fitting.seed)
    module.derive()


def _unfold(module: LinearAutoencoder, fitting: Fitting, plan: Plan) -> None:
    """ELSA begins anew: folding has used its columns up, and it is trained in little time."""
    module.folded.fill_(0)
    start_elsa(module, fitting.histories, plan, seed=fitting.seed)
    module.derive()


@torch.no_grad()
def _balance(module: LinearAutoencoder, fitting: Fitting, plan: Plan) -> None:
    """Bring ELSA's scores to `elsa_share` times the spread of softmax's: the two live on different scales."""
    if not 0 < int(module.split) < module.width:
        return
    rows = np.random.default_rng(fitting.seed).permutation(len(fitting.histories))[:BALANCED_ON]
    module.strength.fill_(1.0)
    module.derive()
    code, factors = module.extract(fitting.batch(np.sort(rows))), module.item_factors()[:, :-1]
    split = int(module.split)
    softmax = code[:, :split] @ factors[:, :split].T + module.bias
    elsa = code[:, split:] @ factors[:, split:].T
    module.strength.copy_(plan.options.elsa_share * softmax.std(1).mean() / elsa.std(1).mean().clamp_min(TINY))


def _tables(module: LinearAutoencoder, plan: Plan) -> TouchedAdam | None:
    """The optimizer of encoder and decoder, where a step touches few of their rows and nothing moves the others."""
    few = module.items > plan.options.full_softmax and int(module.split) == module.width
    if not few or plan.options.weight_decay > 0:
        return None
    return TouchedAdam({"encoder": module.encoder, "decoder": module.decoder}, BETAS)


def _linear_losses(module: LinearAutoencoder, fitting: Fitting, plan: Plan, tables: TouchedAdam | None) -> Losses:
    softmax = SoftmaxLoss(fitting.histories, plan, fitting.device)
    split = int(module.split)

    def losses(epoch: Epoch) -> Iterator[Tensor]:
        for rows in fitting.row_batches(plan.batch_size, epoch):
            batch = FlatBatch.of(fitting.histories.take(rows), fitting.device, whole=softmax.whole)
            loss = torch.zeros((), device=fitting.device)
            if split > 0:
                loss = loss + softmax(module, batch, epoch.rng, tables)
            if split < module.width:
                loss = loss + elsa_loss(module, batch, epoch.rng, plan)
            yield loss
        _balance(module, fitting, plan)

    return losses


def _deep_losses(module: DeepAutoencoder, fitting: Fitting, plan: Plan) -> Losses:
    def losses(epoch: Epoch) -> Iterator[Tensor]:
        for batch in fitting.batches(plan.batch_size, epoch):
            yield deep_loss(module, batch, plan, epoch.rng)

    return losses


def _minimise(
    module: nn.Module, fitting: Fitting, plan: Plan, losses: Losses, tables: TouchedAdam | None = None
) -> None:
    """AdamW over the epochs; the learning rate rises, then falls along a cosine, as a function of the step alone.

    tables: the optimizer of the parameters that autograd does not reach.
    """
    options, steps = plan.options, plan.steps(len(fitting.histories))
    optimizer = torch.optim.AdamW(
        _groups(module, plan),
        lr=plan.learning_rate,
        betas=BETAS,
        weight_decay=options.weight_decay,
        fused=fitting.device.type in ("cpu", "cuda"),
    )
    state = {"optimizer": optimizer} | ({} if tables is None else {"tables": tables})
    for epoch in fitting.epochs(module, plan.epochs, state=state, patience=options.patience):
        total, step = 0.0, steps * (epoch.number - 1)
        for loss in losses(epoch):
            rate = plan.learning_rate * _rate(step, steps * plan.epochs)
            for group in optimizer.param_groups:
                group["lr"] = group["multiple"] * rate
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            if tables is not None:
                tables.step(rate)
            total, step = total + float(loss.detach()), step + 1
        if tables is not None:
            tables.settle()
        epoch.report(loss=total / max(1, steps))


def _groups(module: nn.Module, plan: Plan) -> list[dict[str, Any]]:
    """The parameters by the multiple of the learning rate at which they are trained; none where it is 0."""
    multiples = {"bias": plan.bias_rate, "log_temperature": plan.temperature_rate}
    multiples |= {"log_elsa_gain": plan.gain_rate, "log_elsa_scale": plan.gain_rate}
    groups: dict[float, list[nn.Parameter]] = {}
    for name, parameter in module.named_parameters():
        if parameter.numel() > 0:
            groups.setdefault(multiples.get(name, 1.0), []).append(parameter)
    return [{"params": those, "multiple": multiple} for multiple, those in groups.items() if multiple > 0]


def _rate(step: int, steps: int) -> float:
    """Share of the peak learning rate at this step of `steps`."""
    warm = min(1.0, (step + 1) / (WARM_UP * steps + 1))
    return warm * 0.5 * (1 + math.cos(math.pi * step / max(1, steps)))
