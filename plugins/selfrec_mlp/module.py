"""The ranker: the generators' order, corrected by a small network."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional

from selfrec_mlp.losses import ranking_loss
from selfrec_mlp.options import MlpOptions
from selfrec_mlp.scores import above_lowest, standardised

if TYPE_CHECKING:
    from selfrec.plugin import Sizes, UserBatch

PACES = (0.02, 0.1, 0.5)
"""First forgetting rates of the profiles by place, per newer item: about the newest 50, 10 and 2 items."""

AGE_PACES = (4.0, 32.0)
"""First forgetting rates of the profiles by age, per time span of the rows: about a quarter, and a thirtieth of it."""

CROSSED = 8
"""Width in which user columns meet item columns."""


class CandidateRanker(nn.Module):
    """Final score = scale * (sum of the generators' scores, standardised) + network(candidate, user).

    The network's last layer starts at zero, so that the first order is the generators' own. Its inputs for candidate j
    of a user: each generator's standardised score; the likeness of j to what the user chose (profiles of the whole
    history, of the newest items and, where read, of the youngest); what is known of j, which is its popularity of late
    and of old and its item columns; the likeness of these columns to those of the history; and, the same for all
    candidates, the length of the history and, where read, ages and user columns. Likeness is measured with item vectors
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
        self.known = item_column_count(self.ages)
        self.dropped = nn.Dropout(options.column_dropout)
        self.register_buffer("columns", torch.zeros(sizes.items + 1, self.known + self.item_columns))
        self.register_buffer("span", torch.ones(()))
        self.paces = nn.Parameter(torch.tensor(PACES).log())
        self.age_paces = nn.Parameter(torch.tensor(AGE_PACES).log()) if self.ages else None
        profiles = len(PACES) + (len(AGE_PACES) if self.ages else 0)
        of_all = 1 + 2 * self.ages + self.user_columns
        of_each = 2 * sizes.generators + profiles + self.known + self.item_columns + (self.item_columns > 0)
        self.crossed = self.user_columns > 0 and self.item_columns > 0
        if self.crossed:
            self.user_side = nn.Linear(self.user_columns, CROSSED, bias=False)
            self.item_side = nn.Linear(self.item_columns, CROSSED, bias=False)
        self.of_user = nn.Linear(of_all, first)
        self.of_candidate = nn.Linear(of_each + self.crossed, first, bias=False)
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
    span: Tensor

    def rank(self, batch: UserBatch, features: Tensor, candidates: Tensor, scores: Tensor) -> Tensor:
        """int64[B, C] candidates, float32[B, C, G] scores -> float32[B, C] final scores."""
        # A runtime may add one row's numbers in another order than the next one's.
        order = standardised(above_lowest(scores).sum(2))
        each = standardised(scores)
        profiles = torch.stack(self._profiles(batch, functional.embedding(batch.history, self.items)), dim=2)
        likeness = torch.matmul(functional.embedding(candidates, self.items), profiles)
        columns = functional.embedding(candidates, self.columns)
        inputs = [each, each.square(), likeness, columns[:, :, : self.known]]
        if self.item_columns:
            own = self.dropped(columns[:, :, -self.item_columns :])
            inputs.append(own)
            seen = functional.embedding(batch.history, self.columns)
            mean = _mean(seen[:, :, -self.item_columns :], batch.weights)
            inputs.append(torch.matmul(own, mean.unsqueeze(2)))
            if self.crossed:
                meeting = self.user_side(self.dropped(batch.user_features)).unsqueeze(2)
                inputs.append(torch.matmul(self.item_side(own), meeting))
        of_user = self.of_user(torch.cat(self._known(batch), dim=1)).unsqueeze(1)
        hidden = self.activation(self.of_candidate(torch.cat(inputs, dim=2)) + of_user)
        correction: Tensor = self.out(self.hidden(hidden)).squeeze(2)
        return order * self.log_scale.exp() + correction

    def training_loss(
        self, batch: UserBatch, features: Tensor, candidates: Tensor, scores: Tensor, labels: Tensor
    ) -> Tensor:
        """The chosen loss of the final scores."""
        final = self.rank(batch, features, candidates, scores)
        return ranking_loss(self.loss, final, labels, candidates < self.n_items)

    def _profiles(self, batch: UserBatch, embedded: Tensor) -> list[Tensor]:
        """What the user is like, in the space of the item vectors: float32[B, width] each."""
        real = (batch.weights > 0).to(batch.weights.dtype)
        newer = real.sum(1, keepdim=True) - real.cumsum(1)
        profiles = [_mean(embedded, batch.weights * torch.exp(-pace * newer)) for pace in self.paces.exp()]
        if self.age_paces is not None:
            # Ages from the newest event on: how long ago that was is known beside, and all weights near 0 say nothing.
            past = ((batch.ages - self._newest(batch)) / self.span).clamp_min(0) * real
            profiles += [_mean(embedded, batch.weights * torch.exp(-pace * past)) for pace in self.age_paces.exp()]
        return profiles

    def _newest(self, batch: UserBatch) -> Tensor:
        """float32[B, 1] age of the newest event, 0 for an empty history."""
        real = (batch.weights > 0).to(batch.weights.dtype)
        last = (real.sum(1, keepdim=True) - real.cumsum(1) < 1).to(real.dtype) * real
        return (batch.ages * last).sum(1, keepdim=True).clamp_min(0)

    def _known(self, batch: UserBatch) -> list[Tensor]:
        """What is the same for all candidates: log length, log of newest and mean age, user columns."""
        real = (batch.weights > 0).to(batch.weights.dtype)
        count = real.sum(1, keepdim=True)
        known = [torch.log1p(count) / 4]
        if self.ages:
            mean = (torch.log1p(batch.ages.clamp_min(0)) * real).sum(1, keepdim=True) / count.clamp_min(1)
            known += [mean / 4, torch.log1p(self._newest(batch)) / 4]
        if self.user_columns:
            known.append(self.dropped(batch.user_features))
        return known


def item_column_count(ages: bool) -> int:
    """How many columns selfrec_mlp.training.item_columns gives."""
    return 6 if ages else 1


def _mean(embedded: Tensor, weights: Tensor) -> Tensor:
    """float32[B, H, d] averaged by float32[B, H]; 0 for an empty history."""
    total = weights.sum(1, keepdim=True).clamp_min(1e-6)
    return torch.matmul((weights / total).unsqueeze(1), embedded).squeeze(1)
