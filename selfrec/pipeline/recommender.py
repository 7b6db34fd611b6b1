"""The whole recommender as one module: history in, top-K out. This is what becomes the graph."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from selfrec.host.records import ExtraInput
from selfrec.pipeline.batch import UserBatch
from selfrec.pipeline.chosen import Chosen
from selfrec.pipeline.features import Features
from selfrec.pipeline.parts import Part

NEVER = float("-inf")

BLOCK = 32
"""The score matrix has a multiple of so many columns, so that the graph can find the best blocks of items first."""


class ScoredCandidates(NamedTuple):
    """The items that a ranker puts in order, and what the generators say of them."""

    items: Tensor
    """int64[B, C], ascending."""
    scores: Tensor
    """float32[B, C, G] each generator's, times its weight."""
    generated: Tensor
    """float32[B, C] their sum and the bias, -inf where fewer than C were left."""
    bias: Tensor
    """float32[B, C]."""
    left: Tensor
    """bool[B, C] whether it is one."""


class Recommender(nn.Module):
    """extractor(s) -> generator(s) -> mask -> top C -> ranker -> top K (contract, section 3).

    All factored generators are one product: their queries and item factors stand side by side, with one more
    column that adds nothing to a warm user's scores and gives a cold user the popularity prior. The item bias rides
    on the same product (Gemm's C input), so neither costs a pass over [B, N]. Sparse generators add to what it gave.
    """

    def __init__(
        self,
        stages: Chosen,
        *,
        prior: Tensor,
        candidates: int,
        top_k: int,
        user_features: int = 0,
        ages: bool = True,
    ) -> None:
        """prior float32[N] is a cold user's scores; user_features is U; ages: whether the events have times. The graph
        has no input for what the data lacks.
        """
        super().__init__()
        self.user_features = user_features
        self._lacking = {*([] if ages else ["ages"]), *([] if user_features else ["user_features"])}
        self.n_items = len(prior)
        self.top_k = min(top_k, self.n_items)
        self.candidates = min(max(candidates, self.top_k), self.n_items)
        self._features = Features(stages.extractors, stages.recency)
        self._generators, self._weights, self._ranker = stages.generators, stages.weights, stages.ranker
        self.parts = nn.ModuleDict({part.key.replace(".", "/"): part.module for part in self.all_parts})
        weighted = list(zip(stages.generators, stages.weights, strict=True))
        self._factored = [(part, weight) for part, weight in weighted if part.factored]
        self._sparse = [(part, weight) for part, weight in weighted if part.sparse]
        self._dense = [(part, weight) for part, weight in weighted if not (part.factored or part.sparse)]
        self.columns = -(-(self.n_items + 1) // BLOCK) * BLOCK
        padding_columns = self.columns - self.n_items
        self.register_buffer("prior", functional.pad(prior.float(), (0, padding_columns)))
        self.register_buffer("padding", torch.tensor(self.n_items))
        self.register_buffer("never", torch.full((padding_columns,), NEVER))
        with torch.no_grad():
            factors = [part.item_factors(self.n_items).cpu() for part, _ in self._factored]
        self._widths = [factor.shape[1] for factor in factors]
        columns = [functional.pad(factor, (0, 0, 0, padding_columns)) for factor in factors]
        self.register_buffer("factors", torch.cat([*columns, self.prior[:, None].cpu()], dim=1).contiguous())
        self.eval()

    prior: Tensor
    padding: Tensor
    never: Tensor
    factors: Tensor

    @property
    def generator_count(self) -> int:
        """G."""
        return len(self._generators)

    @property
    def extra_inputs(self) -> list[ExtraInput]:
        """Graph inputs beyond the four that every graph has, in the order of the graph."""
        asked = frozenset[ExtraInput]().union(*(part.record.reads(part.options) for part in self.all_parts))
        asked |= {"ages"} if self._features.recency.by == "age" else set()
        order: list[ExtraInput] = ["ages", "user_features"]
        return [name for name in order if name in asked and name not in self._lacking]

    def forward(
        self,
        history: Tensor,
        weights: Tensor,
        exclude: Tensor,
        item_bias: Tensor,
        ages: Tensor | None = None,
        user_features: Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:
        """int64[B, H], float32[B, H], int64[B, X], float32[N] -> items int64[B, K], scores float32[B, K]."""
        batch = self._batch(history, weights, ages, user_features)
        warm = (batch.weights.sum(1, keepdim=True) > 0).to(weights.dtype)
        recent = self._features.recency(batch)
        each = self._features.each(recent)
        bias = torch.cat([item_bias, self.never])
        queries = self._queries(recent, each)
        scores = self._scores(recent, each, queries, warm, bias)
        scores = scores.scatter(1, exclude, NEVER)
        if self._ranker is None:
            best, items = scores.topk(self.top_k, dim=1)
            return items, best
        generated = self._candidates(recent, each, queries, bias, scores)
        return self._ranked(batch, self._features.joined(each, batch), generated, warm)

    def features_width(self, part: Part) -> int:
        """F as this generator or ranker sees it: the other face of an extractor sees that extractor's own."""
        return next((e.width for e in self._features.extractors if e.module is part.module), self._features.width)

    def features(self, batch: UserBatch) -> Tensor:
        """float32[B, F], all extractors side by side."""
        return self._features(batch)

    def generator_scores(self, batch: UserBatch) -> Tensor:
        """The generators' weighted sum for every item, float32[B, N], without mask or bias; the prior if none."""
        if not self._generators:
            return self.prior[: self.n_items].expand(len(batch.history), -1)
        batch = self._features.recency(batch)
        each = self._features.each(batch)
        total = torch.zeros((), device=self.prior.device)
        for part, weight in zip(self._generators, self._weights, strict=True):
            total = total + weight * part.generate(batch, self._features.seen_by(part, each, batch), self.n_items)
        return total

    def _batch(self, history: Tensor, weights: Tensor, ages: Tensor | None, users: Tensor | None) -> UserBatch:
        """Padding carries weight 0 whatever the caller passed, be it NaN.

        The graph puts one slot of padding before each history: tract aborts where it is to add up no numbers at all.
        """
        if torch.compiler.is_exporting() or torch.onnx.is_in_onnx_export():
            history = functional.pad(history, (1, 0), value=self.n_items)
            weights = functional.pad(weights, (1, 0))
            ages = None if ages is None else functional.pad(ages, (1, 0))
        real, none = history != self.n_items, torch.zeros_like(weights)
        ages = none if ages is None else torch.where(real, ages, none)
        users = weights.new_zeros(history.shape[0], 0) if users is None else users
        return UserBatch(history, torch.where(real, weights, none), ages, users)

    def _queries(self, batch: UserBatch, each: list[Tensor]) -> list[Tensor]:
        return [part.query(batch, self._features.seen_by(part, each, batch)) for part, _ in self._factored]

    def _scores(
        self, batch: UserBatch, each: list[Tensor], queries: list[Tensor], warm: Tensor, bias: Tensor
    ) -> Tensor:
        """float32[B, columns]; those past N are padding and -inf."""
        weighted = [query * w for query, (_, w) in zip(queries, self._factored, strict=True)]
        # Where, not a product: a part may give NaN for an empty history, and NaN times 0 is NaN.
        known = [torch.where(warm > 0, query, torch.zeros_like(query)) for query in weighted]
        # Without generators everyone gets the prior. Not ones_like: tract fails on the product of a constant matrix.
        prior = 1 - warm if self._generators else (1 - warm) + warm
        scores = functional.linear(torch.cat([*known, prior], dim=1), self.factors, bias)
        for part, weight in self._dense:
            dense = part.generate(batch, self._features.seen_by(part, each, batch), self.n_items) * weight
            dense = torch.where(warm > 0, dense, torch.zeros_like(dense))
            scores = scores + functional.pad(dense, (0, self.columns - self.n_items))
        for part, weight in self._sparse:
            # Padding's column N is -inf, and stays so.
            items, values = part.sparse_scores(batch, self._features.seen_by(part, each, batch))
            values = torch.where(warm > 0, values * weight, torch.zeros_like(values))
            scores = scores.scatter_add(1, items, values)
        return scores

    def _candidates(
        self, batch: UserBatch, each: list[Tensor], queries: list[Tensor], bias: Tensor, scores: Tensor
    ) -> ScoredCandidates:
        """Candidates in the order of their numbers, so that equal final scores fall to the lower item number."""
        _, candidates = scores.topk(self.candidates, dim=1)
        # Where fewer than C items are left, columns past N come up: all of them are the padding number.
        candidates, _ = torch.sort(candidates.minimum(self.padding), dim=1)
        generated = scores.gather(1, candidates)
        candidate_bias = functional.embedding(candidates, bias[:, None]).squeeze(-1)
        left = generated > NEVER
        if len(self._generators) == 1:
            # One generator: its score is what the product gave, less the bias; no second gather.
            seen_by_ranker = _finite(generated - candidate_bias, left).unsqueeze(-1)
        else:
            seen_by_ranker = self._candidate_scores(batch, each, candidates, left, queries)
        return ScoredCandidates(candidates, seen_by_ranker, generated, candidate_bias, left)

    def _ranked(
        self, batch: UserBatch, features: Tensor, found: ScoredCandidates, warm: Tensor
    ) -> tuple[Tensor, Tensor]:
        assert self._ranker is not None
        final = self._ranker.rank(batch, features, found.items, found.scores) + found.bias
        final = torch.where(warm > 0, final, found.generated)
        final = torch.where(found.left, final, torch.full_like(final, NEVER))
        best, places = final.topk(self.top_k, dim=1)
        return found.items.gather(1, places), best

    def candidate_scores(self, batch: UserBatch, candidates: Tensor, left: Tensor) -> Tensor:
        """float32[B, C, G]: each generator's weighted score of candidates int64[B, C], before the bias.

        Their sum over the generators is what the candidates were chosen by. Candidates that are none (left bool[B, C]
        is false) get the row's lowest score, so that a ranker never meets an infinity.
        """
        batch = self._features.recency(batch)
        each = self._features.each(batch)
        return self._candidate_scores(batch, each, candidates, left, self._queries(batch, each))

    def _candidate_scores(
        self, batch: UserBatch, each: list[Tensor], candidates: Tensor, left: Tensor, queries: list[Tensor]
    ) -> Tensor:
        by_part: dict[str, Tensor] = {}
        if self._factored:
            rows = functional.embedding(candidates, self.factors)
            # A product each: runtimes multiply by a few columns as slowly as by sixteen.
            by_part = {
                part.key: torch.matmul(rows, query.unsqueeze(2)).squeeze(2)
                for (part, _), query in zip(self._factored, self._in_their_places(queries), strict=True)
            }
        for part, weight in [*self._dense, *self._sparse]:
            dense = part.generate(batch, self._features.seen_by(part, each, batch), self.n_items) * weight
            by_part[part.key] = functional.pad(dense, (0, 1)).gather(1, candidates)
        # One generator at a time: runtimes are slow where a short last axis is broadcast.
        return torch.stack([_finite(by_part[part.key], left) for part in self._generators], dim=2)

    def _in_their_places(self, queries: list[Tensor]) -> Iterator[Tensor]:
        """float32[B, d] of each generator: its query, times its weight, where its factors stand among all d, else 0.

        (The factors are gathered whole: slices of them would each be written anew.)
        """
        total, start = self.factors.shape[1], 0
        for query, (_, weight), width in zip(queries, self._factored, self._widths, strict=True):
            yield functional.pad(query * weight, (start, total - start - width))
            start += width

    @property
    def all_parts(self) -> list[Part]:
        """Extractors, generators, ranker. Two faces of one module are two parts."""
        return [*self._features.extractors, *self._generators, *([self._ranker] if self._ranker else [])]


def _finite(scores: Tensor, left: Tensor) -> Tensor:
    """scores float32[B, C] with the row's lowest where left bool[B, C] is false."""
    lowest = torch.where(left, scores, torch.full_like(scores, float("inf"))).amin(1, keepdim=True)
    lowest = torch.where(lowest < float("inf"), lowest, torch.zeros_like(lowest))
    return torch.where(left, scores, lowest)
