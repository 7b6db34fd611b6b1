"""The ranker: the generators' order, corrected by a small network."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional

from selfrec_mlp.losses import ranking_loss
from selfrec_mlp.options import MlpOptions
from selfrec_mlp.scores import standardised

if TYPE_CHECKING:
    from selfrec.plugin import Sizes, UserBatch

ITEM_COLUMNS = 4
"""Known of every item: see selfrec_mlp.training.item_columns."""

PACES = (0.02, 0.1, 0.5)
"""First forgetting rates of the profiles, per newer item: about the newest 50, 10 and 2 items."""


class CandidateRanker(nn.Module):
    """Final score = scale * (sum of the generators' scores, standardised) + network(candidate, user).

    The network's last layer starts at zero, so that the first order is the generators' own. Its inputs for candidate j
    of a user: each generator's standardised score; the likeness of j to what the user chose (a profile of the whole
    history, one of the newest items) and to the features; known columns of j; and, the same for all candidates, the
    features, the length of the history and, where read, ages and user columns. Likeness is measured with item vectors
    in closed form: the candidate rows are too few to learn a vector of every item.
    """

    def __init__(self, options: MlpOptions, sizes: Sizes) -> None:
        super().__init__()
        self.loss = options.loss
        self.n_items = sizes.items
        self.ages = options.ages and sizes.ages
        self.user_columns = sizes.user_features if options.user_features else 0
        self.item_columns = sizes.item_features if options.item_features else 0
        self.width, first = options.width, options.hidden[0]
        vectors = functional.normalize(torch.randn(sizes.items + 1, self.width), dim=1)
        if options.learn_items:
            self.items = nn.Parameter(vectors)
        else:
            self.register_buffer("items", vectors)
        self.register_buffer("columns", torch.zeros(sizes.items + 1, ITEM_COLUMNS + self.item_columns))
        self.paces = nn.Parameter(torch.tensor(PACES).log())
        self.age_pace = nn.Parameter(torch.tensor(0.1).log()) if self.ages else None
        self.project = nn.Linear(sizes.features, self.width, bias=False) if sizes.features else None
        profiles = len(PACES) + (self.age_pace is not None) + (self.project is not None)
        known = 1 + 2 * self.ages + self.user_columns
        self.of_user = nn.Linear(sizes.features + known, first)
        self.of_candidate = nn.Linear(2 * sizes.generators + profiles + self.columns.shape[1], first, bias=False)
        self.activation = nn.ReLU() if options.activation == "relu" else nn.LeakyReLU(0.1)
        layers: list[nn.Module] = []
        for inputs, outputs in zip(options.hidden[:-1], options.hidden[1:], strict=True):
            layers += [nn.Linear(inputs, outputs), self.activation]
        self.hidden = nn.Sequential(*layers)
        self.out = nn.Linear(options.hidden[-1], 1, bias=False)
        nn.init.zeros_(self.out.weight)
        self.log_scale = nn.Parameter(torch.zeros(()))

    items: Tensor
    columns: Tensor

    def rank(self, batch: UserBatch, features: Tensor, candidates: Tensor, scores: Tensor) -> Tensor:
        """int64[B, C] candidates, float32[B, C, G] scores -> float32[B, C] final scores."""
        features = functional.normalize(features, dim=1)
        order = standardised(scores.sum(2))
        each = standardised(scores)
        # One gather for everything known of a candidate.
        rows = functional.embedding(candidates, torch.cat([self.items, self.columns], dim=1))
        profiles = torch.stack(self._profiles(batch, features), dim=2)
        likeness = torch.matmul(rows[:, :, : self.width], profiles)
        inputs = torch.cat([each, each.square(), likeness, rows[:, :, self.width :]], dim=2)
        of_user = self.of_user(torch.cat([features, *self._known(batch)], dim=1)).unsqueeze(1)
        hidden = self.activation(self.of_candidate(inputs) + of_user)
        correction: Tensor = self.out(self.hidden(hidden)).squeeze(2)
        return order * self.log_scale.exp() + correction

    def training_loss(
        self, batch: UserBatch, features: Tensor, candidates: Tensor, scores: Tensor, labels: Tensor
    ) -> Tensor:
        """The chosen loss of the final scores."""
        final = self.rank(batch, features, candidates, scores)
        return ranking_loss(self.loss, final, labels, candidates < self.n_items)

    def _profiles(self, batch: UserBatch, features: Tensor) -> list[Tensor]:
        """What the user is like, in the space of the item embeddings: float32[B, width] each."""
        embedded = functional.embedding(batch.history, self.items)
        real = (batch.weights > 0).to(batch.weights.dtype)
        newer = real.sum(1, keepdim=True) - real.cumsum(1)
        profiles = [_mean(embedded, batch.weights * torch.exp(-pace * newer)) for pace in self.paces.exp()]
        if self.age_pace is not None:
            profiles.append(_mean(embedded, batch.weights * torch.exp(-self.age_pace.exp() * batch.ages)))
        if self.project is not None:
            profiles.append(self.project(features))
        return profiles

    def _known(self, batch: UserBatch) -> list[Tensor]:
        """What is the same for all candidates: log length, log of newest and mean age, user columns."""
        real = (batch.weights > 0).to(batch.weights.dtype)
        count = real.sum(1, keepdim=True)
        known = [torch.log1p(count) / 4]
        if self.ages:
            logs = torch.log1p(batch.ages.clamp_min(0)) * real
            mean = logs.sum(1, keepdim=True) / count.clamp_min(1)
            newest = (real.sum(1, keepdim=True) - real.cumsum(1) < 1).to(real.dtype) * real
            known += [mean / 4, (logs * newest).sum(1, keepdim=True) / 4]
        if self.user_columns:
            known.append(batch.user_features)
        return known


def _mean(embedded: Tensor, weights: Tensor) -> Tensor:
    """float32[B, H, d] averaged by float32[B, H]; 0 for an empty history."""
    total = weights.sum(1, keepdim=True).clamp_min(1e-6)
    return torch.matmul((weights / total).unsqueeze(1), embedded).squeeze(1)
