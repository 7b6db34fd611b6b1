"""The weights of a pipeline on rows split by time: how much the newest trends should count changes by the week."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import torch

from selfrec.histories import Holdout
from selfrec.pipeline.chosen import Chosen
from selfrec.pipeline.combine import Pair, steady_weight
from selfrec.pipeline.features import Features
from selfrec.pipeline.recommender import Recommender

Window = tuple[Chosen, Holdout]
"""Stages that were trained on the rows up to a moment, and what came then."""


def steady_weights(
    windows: Sequence[Window],
    recommender: Callable[[Chosen], Recommender],
    device: torch.device,
    *,
    fixed: Mapping[str, float],
    forced: bool,
) -> tuple[float, ...]:
    """For each generator, the weight beside those before it that loses least in its worst window; 0 leaves it out.

    The windows have the same generators. The first one keeps its weight; `fixed`: weights that were given, by label.
    forced: every generator stays.
    """
    generators, weights = windows[0][0].generators, windows[0][0].weights[:1]
    for place in range(1, len(generators)):
        given = fixed.get(generators[place].label)
        if given is None:
            pairs = [_pair(stages, weights, recommender, holdout) for stages, holdout in windows]
            given = steady_weight(pairs, device, forced=forced)
        weights = (*weights, given)
    return weights


def _pair(
    stages: Chosen, weights: Sequence[float], recommender: Callable[[Chosen], Recommender], holdout: Holdout
) -> Pair:
    """The first generators, which have these weights, and the one after them."""
    place = len(weights)
    before = recommender(replace(stages, generators=stages.generators[:place], weights=tuple(weights)))
    features, part = Features(stages.extractors, stages.recency), stages.generators[place]
    return Pair(before.generator_scores, lambda batch: features.generate(part, batch, before.n_items), holdout)
