"""The two networks: one imagines preferences under a condition, the other judges them under the same condition."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional

from selfrec.plugin import PluginError, pool
from selfrec_gan.options import GanOptions

if TYPE_CHECKING:
    from selfrec.plugin import Sizes, UserBatch


class PreferenceGenerator(nn.Module):
    """G(z | condition): logits over the items, as the product of a query [B, d + 1] and item factors [N, d + 1].

    The preference of an item is the sigmoid of its logit. Ranking needs the logit alone, so that the scores are one
    product; the last column of the factors is the items' bias.
    """

    def __init__(self, options: GanOptions, sizes: Sizes) -> None:
        super().__init__()
        width = options.width
        alone = options.condition == "auto" and sizes.features == 0
        self.sees_history = alone or options.condition in ("both", "history")
        self.sees_features = options.condition != "history" and sizes.features > 0
        if not (self.sees_history or self.sees_features):
            raise PluginError(
                "condition=features needs an extractor in the pipeline, which has none; name one "
                "(pipeline.extractors), or set condition=history"
            )
        self.noise, self.cosine = options.noise, options.cosine
        if self.sees_history:
            self.history = nn.Parameter(torch.randn(sizes.items + 1, width) / width**0.5)
        self.items = nn.Parameter(torch.randn(sizes.items, width) / width**0.5)
        self.bias = nn.Parameter(torch.zeros(sizes.items))
        self.log_sharpness = nn.Parameter(torch.tensor(options.sharpness).log())
        condition = width * self.sees_history + sizes.features * self.sees_features
        last = options.hidden[-1] if options.hidden else condition + self.noise
        self.hidden = hidden_layers(condition + self.noise, options.hidden, options)
        self.out = nn.Linear(last, width)
        self.skip = nn.Linear(condition, width, bias=False) if options.skip else None

    def condition(self, batch: UserBatch, features: Tensor) -> Tensor:
        """What both networks are told about a user, each part at unit length: float32[B, condition]."""
        parts = []
        if self.sees_history:
            parts.append(pooled(self.history, batch))
        if self.sees_features:
            parts.append(functional.normalize(features, dim=1))
        return torch.cat(parts, dim=1)

    def query(self, batch: UserBatch, features: Tensor) -> Tensor:
        """float32[B, d + 1]; the noise is fresh in training and zero otherwise."""
        condition = self.condition(batch, features)
        inputs = condition
        if self.noise and self.training:
            z = torch.randn(condition.shape[0], self.noise, dtype=condition.dtype, device=condition.device)
            inputs = torch.cat([condition, z], dim=1)
        elif self.noise:
            # Not a concatenation with zeros: tract fails where it splits the product of one.
            inputs = functional.pad(condition, (0, self.noise))
        query = self.out(self.hidden(inputs))
        if self.skip is not None:
            query = query + self.skip(condition)
        if self.cosine:
            query = functional.normalize(query, dim=1) * self.log_sharpness.exp()
        return torch.cat([query, torch.ones_like(query[:, :1])], dim=1)

    def item_factors(self, items: Tensor | None = None) -> Tensor:
        """float32[N, d + 1], or of some items int64[S] alone."""
        factors, bias = (self.items, self.bias) if items is None else (self.items[items], self.bias[items])
        if self.cosine:
            factors = functional.normalize(factors, dim=1)
        return torch.cat([factors, bias[:, None]], dim=1)


class Discriminator(nn.Module):
    """D(x | condition): the logit that the preferences x are a real user's."""

    def __init__(self, options: GanOptions, sizes: Sizes) -> None:
        super().__init__()
        width = options.discriminator_hidden[0]
        self.history = nn.Parameter(torch.randn(sizes.items + 1, width) / width**0.5)
        self.preferences = nn.Parameter(torch.randn(sizes.items, width) / width**0.5)
        self.hidden = hidden_layers(2 * width + sizes.features, options.discriminator_hidden, options)
        self.out = nn.Linear(options.discriminator_hidden[-1], 1)

    def forward(self, batch: UserBatch, features: Tensor, preferences: Tensor, items: Tensor) -> Tensor:
        """float32[B, S] preferences of items int64[S], scaled by the user -> logits float32[B]."""
        condition = [pooled(self.history, batch), functional.normalize(features, dim=1)]
        embedded = preferences @ self.preferences[items]
        logits: Tensor = self.out(self.hidden(torch.cat([*condition, embedded], dim=1)))
        return logits.squeeze(1)


class BatchNorm(nn.BatchNorm1d):
    """Batch normalisation that takes its running statistics for a batch of one, which has no spread."""

    def forward(self, input: Tensor) -> Tensor:
        if self.training and len(input) > 1:
            return super().forward(input)
        return functional.batch_norm(
            input, self.running_mean, self.running_var, self.weight, self.bias, training=False, eps=self.eps
        )


def hidden_layers(inputs: int, widths: tuple[int, ...], options: GanOptions) -> nn.Sequential:
    """Linear, batch normalisation where wanted, LeakyReLU; for each width."""
    layers: list[nn.Module] = []
    for width in widths:
        layers.append(nn.Linear(inputs, width))
        if options.batch_norm:
            layers.append(BatchNorm(width))
        layers.append(nn.LeakyReLU(options.leak))
        inputs = width
    return nn.Sequential(*layers)


def pooled(table: Tensor, batch: UserBatch) -> Tensor:
    """The history as a vector of unit length over items, embedded: sum w_i E_i / |w|, float32[B, d]; 0 when empty."""
    length = batch.weights.square().sum(1, keepdim=True).sqrt().clamp_min(1e-6)
    return pool(table, batch.history, batch.weights / length)
