"""Training in turn: the discriminator on real and imagined histories, then the generator against it."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from selfrec_gan.module import Discriminator, PreferenceGenerator
from selfrec_gan.options import GanOptions
from selfrec_gan.start import start_from_svd

LEAST_BATCHES = 4
"""Fewest batches of an epoch: 12 epochs of one step each taught the networks next to nothing."""

if TYPE_CHECKING:
    from selfrec.plugin import Epoch, Fitting, UserBatch


def train_in_turn(module: PreferenceGenerator, fitting: Fitting) -> None:
    """Train the generator; the discriminator is made here and is not part of the model."""
    if fitting.options.start == "svd" and not fitting.warm_started:
        start_from_svd(module, fitting)
    Contest(module, fitting).run()


class Work(NamedTuple):
    """A batch and the items it is worked on, which are all items of a small catalog."""

    batch: UserBatch
    """The histories with slots taken out: the condition."""
    features: Tensor
    """float32[B, F] of the extractors on the condition."""
    items: Tensor
    """int64[S] distinct item numbers."""
    correction: Tensor
    """float32[S] log of how many items each stands for in a sum over the catalog."""
    targets: Tensor
    """float32[B, S] preference weights of the whole histories, 0 elsewhere."""
    seen: Tensor
    """bool[B, S] items that the condition shows."""

    @property
    def real(self) -> Tensor:
        """float32[B, S] 1 where the whole history has the item."""
        return (self.targets > 0).float()

    @property
    def scale(self) -> Tensor:
        """float32[B, 1] 1 / sqrt(items of the user), so that long histories do not drown short ones."""
        return self.real.sum(1, keepdim=True).clamp_min(1).rsqrt()


class Contest:
    """Both networks, their optimizers and the turns they take."""

    def __init__(self, generator: PreferenceGenerator, fitting: Fitting) -> None:
        self.options: GanOptions = fitting.options
        self.fitting = fitting
        self.generator = generator
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(fitting.seed + 1)
            self.discriminator = Discriminator(self.options, fitting.sizes).to(fitting.device)
        self.generator_optimizer = self._optimizer(generator, self.options.learning_rate, momentum=0.9)
        self.discriminator_optimizer = self._optimizer(
            self.discriminator, self.options.discriminator_learning_rate, momentum=0.5
        )

    def run(self) -> None:
        """All epochs."""
        state = {
            "discriminator": self.discriminator,
            "generator_optimizer": self.generator_optimizer,
            "discriminator_optimizer": self.discriminator_optimizer,
        }
        for epoch in self.fitting.epochs(
            self.generator, self.options.epochs, state=state, patience=self.options.patience
        ):
            self.discriminator.train()
            tally = Tally()
            for work in self._works(epoch):
                tally.add(self._turn(work), len(work.targets))
            epoch.report(**tally.means())

    def _optimizer(self, module: nn.Module, rate: float, *, momentum: float) -> torch.optim.AdamW:
        return torch.optim.AdamW(
            module.parameters(),
            lr=rate,
            betas=(momentum, 0.999),
            weight_decay=self.options.weight_decay,
            fused=self.fitting.device.type == "cpu",
        )

    def _works(self, epoch: Epoch) -> Iterator[Work]:
        """The epoch's batches; the learning rates follow a cosine over all epochs."""
        size = batch_size(self.options, len(self.fitting.histories))
        steps = math.ceil(len(self.fitting.histories) / size)
        for step, whole in enumerate(self.fitting.batches(size, epoch)):
            progress = (epoch.number - 1 + step / steps) / epoch.limit
            factor = 0.02 + 0.98 * (1 + math.cos(math.pi * progress)) / 2
            _set_rate(self.generator_optimizer, self.options.learning_rate * factor)
            _set_rate(self.discriminator_optimizer, self.options.discriminator_learning_rate * factor)
            yield self._work(whole)

    def _work(self, whole: UserBatch) -> Work:
        seen = without_slots(whole, self.options.condition_dropout, self.fitting.sizes.items)
        items, correction = working_items(whole.history, self.fitting.sizes.items, self.options.sampled_items)
        place = torch.full((self.fitting.sizes.items + 1,), len(items), device=items.device)
        place[items] = torch.arange(len(items), device=items.device)
        targets = whole.weights.new_zeros(len(whole.history), len(items) + 1)
        targets.scatter_(1, place[whole.history], whole.weights)
        shown = torch.zeros_like(targets, dtype=torch.bool).scatter_(1, place[seen.history], True)
        return Work(seen, self.fitting.features(seen), items, correction, targets[:, :-1], shown[:, :-1])

    def _turn(self, work: Work) -> dict[str, Tensor]:
        """Discriminator steps on what the generator imagines now, then generator steps; the last figures of each."""
        figures: dict[str, Tensor] = {}
        logits = self._logits(work)
        mask = self._mask(work)
        if self.options.adversarial > 0:
            for _ in range(self.options.d_steps):
                figures |= self._discriminator_step(work, logits.detach(), mask)
        for turn in range(self.options.g_steps):
            if turn > 0:
                logits = self._logits(work)
            figures |= self._generator_step(work, logits, mask)
        return figures

    def _logits(self, work: Work) -> Tensor:
        """float32[B, S]."""
        return self.generator.query(work.batch, work.features) @ self.generator.item_factors(work.items).T

    def _mask(self, work: Work) -> Tensor:
        """float32[B, S] 1 where the discriminator may look: the history and a share of the other items."""
        if self.options.mask_share >= 1:
            return torch.ones_like(work.targets)
        return torch.maximum(work.real, _some(work.items, self.options.mask_share))

    def _discriminator_step(self, work: Work, logits: Tensor, mask: Tensor) -> dict[str, Tensor]:
        """Ascend log D(x) + log(1 - D(G(z)))."""
        real = self._judge(work, work.real)
        imagined = self._judge(work, logits.sigmoid() * mask)
        loss = (functional.softplus(-real) + functional.softplus(imagined)).mean()
        _step(self.discriminator_optimizer, loss)
        return {
            "discriminator_loss": loss.detach(),
            "accuracy_real": (real > 0).float().mean(),
            "accuracy_generated": (imagined < 0).float().mean(),
        }

    def _judge(self, work: Work, preferences: Tensor) -> Tensor:
        logits: Tensor = self.discriminator(work.batch, work.features, preferences * work.scale, work.items)
        return logits

    def _generator_step(self, work: Work, logits: Tensor, mask: Tensor) -> dict[str, Tensor]:
        """Descend the adversarial loss, zero reconstruction and the softmax anchor, each with its weight."""
        options, figures = self.options, {}
        loss = logits.new_zeros(())
        preferences = logits.sigmoid()
        if options.adversarial > 0:
            judged = self._judge(work, preferences * mask)
            saturating = options.adversarial_loss == "minimax"
            # log(1 - D) = -softplus(logit of D); -log D = softplus(-logit of D).
            adversarial = (-functional.softplus(judged) if saturating else functional.softplus(-judged)).mean()
            figures["generator_loss"] = adversarial.detach()
            loss = loss + options.adversarial * adversarial
        if options.zero_reconstruction > 0:
            zeros = (1 - work.real) * _some(work.items, options.zero_share)
            squares = (preferences.square() * zeros).sum(1) / zeros.sum(1).clamp_min(1)
            loss = loss + options.zero_reconstruction * squares.mean()
        if options.softmax > 0:
            hidden = work.targets.masked_fill(work.seen, 0.0)
            anchor = softmax_loss((logits + work.correction).masked_fill(work.seen, -1e4), hidden)
            figures["softmax_loss"] = anchor.detach()
            loss = loss + options.softmax * anchor
        _step(self.generator_optimizer, loss)
        return {"loss": loss.detach(), **figures}


class Tally:
    """Means of figures over an epoch, weighted by users."""

    def __init__(self) -> None:
        self.sums: dict[str, Tensor] = {}
        self.users = 0

    def add(self, figures: dict[str, Tensor], users: int) -> None:
        """Figures of a batch, each a scalar."""
        self.users += users
        for name, value in figures.items():
            self.sums[name] = self.sums.get(name, torch.zeros_like(value)) + value * users

    def means(self) -> dict[str, float]:
        """Every figure's mean."""
        return {name: float(value) / max(1, self.users) for name, value in self.sums.items()}


def batch_size(options: GanOptions, users: int) -> int:
    """Users in a batch: the option's, but no more than a quarter of all, so that few users too give many steps."""
    return min(options.batch_size, max(1, math.ceil(users / LEAST_BATCHES)))


def without_slots(batch: UserBatch, share: float, padding: int) -> UserBatch:
    """The batch with about this share of its slots turned into padding."""
    gone = torch.rand_like(batch.weights) < share
    return batch._replace(
        history=batch.history.masked_fill(gone, padding),
        weights=batch.weights.masked_fill(gone, 0.0),
        ages=batch.ages.masked_fill(gone, 0.0),
    )


def working_items(history: Tensor, n_items: int, most: int) -> tuple[Tensor, Tensor]:
    """At most so many distinct items to work on, int64[S], and float32[S] log of what each stands for.

    Three quarters of the room are for items of the histories int64[B, H], the rest for random others. The logs make
    a sum of exponentials over the S items an unbiased estimate of the sum over all items.
    """
    if n_items <= most:
        return torch.arange(n_items, device=history.device), torch.zeros(n_items, device=history.device)
    touched = torch.zeros(n_items + 1, dtype=torch.bool, device=history.device)
    touched[history.flatten()] = True
    groups, corrections, room = [], [], most
    for group, share in ((touched[:-1], 0.75), (~touched[:-1], 1.0)):
        members = group.nonzero().squeeze(1)
        count = min(len(members), max(1, int(room * share)))
        chosen = members[torch.randperm(len(members), device=members.device)[:count]]
        groups.append(chosen)
        corrections.append(torch.full((count,), math.log(max(1, len(members)) / max(1, count)), device=history.device))
        room -= count
    return torch.cat(groups), torch.cat(corrections)


def softmax_loss(logits: Tensor, targets: Tensor) -> Tensor:
    """Cross-entropy of target weights float32[B, S]; a user counts by the square root of their total weight."""
    total = targets.sum(1)
    log_likelihood = (targets * functional.log_softmax(logits, dim=1)).sum(1)
    influence = total.clamp_min(1e-6).rsqrt() * (total > 0)
    return -(log_likelihood * influence).sum() / (total.sqrt().sum().clamp_min(1e-6))


def _some(items: Tensor, share: float) -> Tensor:
    """float32[S] 1 for about this share of the items; one draw serves the whole batch."""
    return (torch.rand(len(items), device=items.device) < share).float()


def _step(optimizer: torch.optim.Optimizer, loss: Tensor) -> None:
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    optimizer.step()


def _set_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    for group in optimizer.param_groups:
        group["lr"] = rate
