"""The public names for plugin authors. Light: importing it imports neither torch nor onnx.

    from selfrec.plugin import EpochOptions, Generator, Sizes, UserBatch, hookimpl

A part is a torch.nn.Module with the methods of its kind:

    extractor   width: int; extract(batch) -> float32[B, width]
    generator   generate(batch, features) -> float32[B, N]
                or query(batch, features) -> float32[B, d] with item_factors() -> float32[N, d]
                or sparse_scores(batch, features) -> int64[B, S] item numbers, float32[B, S] what is added to them
    ranker      rank(batch, features, candidates, scores) -> float32[B, C]

and, unless its record names a trainer, a loss for the shared training loop:

    extractor   training_loss(batch) -> float32[]
    generator   training_loss(batch, features) -> float32[]
    ranker      training_loss(batch, features, candidates, scores, labels) -> float32[]
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from selfrec.cores import threads_that_sleep
from selfrec.errors import PluginError
from selfrec.histories import Histories, Holdout
from selfrec.host.hookspecs import hookimpl
from selfrec.host.records import FeatureExtractor, Generator, Ranker, Sizes
from selfrec.settings.base import EpochOptions, PartOptions
from selfrec.settings.search import searched

if TYPE_CHECKING:
    from selfrec.pipeline.batch import UserBatch, pool
    from selfrec.pipeline.directions import item_directions
    from selfrec.pipeline.fitting import Epoch, Fitting
    from selfrec.pipeline.gram import gram_matrix
    from selfrec.pipeline.loop import train_by_epochs
    from selfrec.pipeline.newest import newest
    from selfrec.pipeline.prior import recent_popularity
    from selfrec.pipeline.top_items import largest

__all__ = [
    "Epoch",
    "EpochOptions",
    "FeatureExtractor",
    "Fitting",
    "Generator",
    "Histories",
    "Holdout",
    "PartOptions",
    "PluginError",
    "Ranker",
    "Sizes",
    "UserBatch",
    "gram_matrix",
    "hookimpl",
    "item_directions",
    "largest",
    "newest",
    "pool",
    "recent_popularity",
    "searched",
    "train_by_epochs",
]

# These need torch, so they are looked up when first used (PEP 562).
HEAVY_NAMES = {
    "Epoch": "selfrec.pipeline.fitting",
    "Fitting": "selfrec.pipeline.fitting",
    "UserBatch": "selfrec.pipeline.batch",
    "newest": "selfrec.pipeline.newest",
    "gram_matrix": "selfrec.pipeline.gram",
    "item_directions": "selfrec.pipeline.directions",
    "largest": "selfrec.pipeline.top_items",
    "pool": "selfrec.pipeline.batch",
    "recent_popularity": "selfrec.pipeline.prior",
    "train_by_epochs": "selfrec.pipeline.loop",
}


def __getattr__(name: str) -> Any:
    if name in HEAVY_NAMES:
        from importlib import import_module

        with threads_that_sleep():
            return getattr(import_module(HEAVY_NAMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
