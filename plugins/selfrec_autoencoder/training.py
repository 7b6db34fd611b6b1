"""Training of every objective: AdamW, a warm-up and a cosine, mini-batches of flat histories."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn

from selfrec.plugin import Epoch, Fitting, Histories
from selfrec_autoencoder.choice import Recipe, recipe_of
from selfrec_autoencoder.deep import DeepAutoencoder
from selfrec_autoencoder.linear import LinearAutoencoder
from selfrec_autoencoder.objectives import Sampler, elsa_loss, softmax_loss
from selfrec_autoencoder.sparse import FlatBatch
from selfrec_autoencoder.start import item_directions

WARM_UP = 0.1
"""Share of the steps over which the learning rate rises."""

SCALE_USERS = 512
"""Training rows on which the spreads of the two models' scores are brought to one size."""

Loss = Callable[[FlatBatch, Tensor, np.random.Generator], Tensor]


def train_autoencoder(module: LinearAutoencoder | DeepAutoencoder, fitting: Fitting) -> None:
    """Train the module with the objective its options name; "auto" looks at the rows first."""
    histories = fitting.histories.take(np.flatnonzero(fitting.histories.lengths > 0))
    recipe = recipe_of(fitting.options, histories)
    if isinstance(module, DeepAutoencoder):
        _train(module, fitting, histories, recipe, lambda batch, seen, rng: module.loss(batch, seen), whole=True)
        return
    if not fitting.warm_started:
        start(module, histories, recipe, fitting.options.start, seed=fitting.seed)
    sampler = Sampler.of(histories, fitting.options.negatives, fitting.options.full_softmax)

    def loss(batch: FlatBatch, seen: Tensor, rng: np.random.Generator) -> Tensor:
        total = softmax_loss(module, batch, sampler, seen, rng) if recipe.softmax else torch.zeros(())
        return total + elsa_loss(module, batch, seen) if recipe.elsa else total

    _train(module, fitting, histories, recipe, loss, whole=sampler.whole or recipe.elsa)
    if recipe.softmax and recipe.elsa:
        module.strength.fill_(same_spread(module, histories, seed=fitting.seed))
    module.derive()


@torch.no_grad()
def start(module: LinearAutoencoder, histories: Histories, recipe: Recipe, kind: str, *, seed: int) -> None:
    """Set the parameters: E = V p^-.4 and D = V p^.4 of mean length 1 from the decomposition V, gains p^-exponent."""
    width = module.width
    split = (width // 2 if recipe.elsa else width) if recipe.softmax else 0
    module.split.fill_(split)
    module.log_temperature.fill_(math.log(recipe.temperature))
    popularity = torch.from_numpy(histories.item_counts()).float().clamp_min(1)
    gain = -module.popularity_exponent * popularity.log()
    module.log_gain.copy_(gain - gain.exp().mean().log())
    if kind == "random":
        return
    parts = [size for size in (split, width - split) if size]
    directions = item_directions(histories, max(parts), seed=seed)
    if split:
        encoder = directions[:, :split] * popularity[:, None] ** -0.4
        decoder = directions[:, :split] * popularity[:, None] ** 0.4
        module.encoder[:-1, :split] = encoder / encoder.norm(dim=1).mean()
        module.decoder[:, :split] = decoder / decoder.norm(dim=1).mean()
    if split < width:
        rows = directions[:, : width - split]
        # A row without any direction would never get one: it keeps its random start.
        known = rows.norm(dim=1, keepdim=True) > 1e-6
        module.encoder[:-1, split:] = torch.where(known, nn.functional.normalize(rows), module.encoder[:-1, split:])
    module.encoder[-1] = 0


@torch.no_grad()
def same_spread(module: LinearAutoencoder, histories: Histories, *, seed: int) -> float:
    """The factor that gives ELSA's scores the spread over items that the softmax scores have, on a few rows."""
    module.strength.fill_(1.0)
    module.derive()
    rows = np.random.default_rng([seed, 1]).permutation(len(histories))[:SCALE_USERS]
    flat = FlatBatch.of(histories.take(np.sort(rows)), module.encoder.device, whole=True)
    code = flat.matrix(flat.weights) @ module.embeddings[:-1]
    code = code * ((code.square() @ module.groups).sqrt().clamp_min(1e-6).reciprocal() @ module.groups.T)
    split = int(module.split)
    softmax = code[:, :split] @ module.factors[:, :split].T + module.factors[:, -1]
    elsa = code[:, split:] @ module.factors[:, split:-1].T
    return float(softmax.std(1).mean() / elsa.std(1).mean().clamp_min(1e-6))


def _train(
    module: LinearAutoencoder | DeepAutoencoder,
    fitting: Fitting,
    histories: Histories,
    recipe: Recipe,
    loss_of: Loss,
    *,
    whole: bool,
) -> None:
    options, device = fitting.options, fitting.device
    optimizer = torch.optim.AdamW(
        module.parameters(),
        lr=recipe.learning_rate,
        betas=(0.9, 0.99),
        weight_decay=options.weight_decay,
        fused=device.type == "cpu",
    )
    per_epoch = math.ceil(len(histories) / recipe.batch_size)
    for epoch in fitting.epochs(module, options.epochs, state={"optimizer": optimizer}, patience=options.patience):
        total = 0.0
        for number, rows in enumerate(fitting.row_batches(recipe.batch_size, epoch, rows=len(histories))):
            batch = FlatBatch.of(histories.take(rows), device, whole=whole)
            step = (epoch.number - 1) * per_epoch + number
            for group in optimizer.param_groups:
                group["lr"] = recipe.learning_rate * rate(step, per_epoch * options.epochs)
            loss = loss_of(batch, _seen(batch, recipe.dropout, epoch), epoch.rng)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            total += float(loss.detach()) * len(rows)
        if recipe.softmax and recipe.elsa and isinstance(module, LinearAutoencoder):
            module.strength.fill_(same_spread(module, histories, seed=fitting.seed))
        epoch.report(loss=total / max(1, len(histories)))


def rate(step: int, steps: int) -> float:
    """Share of the peak learning rate: a linear rise over the first tenth of the steps, then half a cosine."""
    rise = min(1.0, (step + 1) / (WARM_UP * steps + 1))
    return rise * 0.5 * (1 + math.cos(math.pi * step / max(1, steps)))


def _seen(batch: FlatBatch, dropout: float, epoch: Epoch) -> Tensor:
    """float32[S]: 0 for the slots the encoder does not see this time, else 1."""
    kept = epoch.rng.random(len(batch.columns), dtype=np.float32) >= dropout
    return torch.from_numpy(kept.astype(np.float32)).to(batch.weights.device)
