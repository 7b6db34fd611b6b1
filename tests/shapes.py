"""Every shape of pipeline, of toy parts, and the graphs they become."""

from __future__ import annotations

from functools import cache

import torch
from onnx import ModelProto

from selfrec.export.graph import to_graph
from selfrec.host.records import Sizes
from selfrec.pipeline.chosen import Chosen
from selfrec.pipeline.part_building import build_part
from selfrec.pipeline.parts import Part
from selfrec.pipeline.recency import EVEN, Recency
from selfrec.pipeline.recommender import Recommender
from selfrec.plugin import EpochOptions
from tests.toys import Toys

N_ITEMS = 60

SHAPES = [
    "prior",
    "one factored",
    "one dense",
    "one sparse",
    "one factored by position",
    "one sparse by age",
    "two",
    "two sparse by position",
    "one with ranker",
    "two with ranker",
    "two factored with ranker",
    "two sparse by age with ranker",
]


def recommender(shape: str, n_items: int = N_ITEMS, top_k: int = 10) -> Recommender:
    toys = Toys()
    extractor = build_part(toys.get("extractor", "factors"), "factors", EpochOptions(), Sizes(items=n_items), 1)
    sizes = Sizes(items=n_items, features=8)
    factored = Part(
        kind="generator",
        label="factors",
        record=toys.get("generator", "factors"),
        options=EpochOptions(),
        module=extractor.module,
    )
    dense = build_part(toys.get("generator", "dense"), "dense", EpochOptions(), sizes, 2)
    sparse = build_part(toys.get("generator", "after"), "after", EpochOptions(), sizes, 5)
    generators = {"prior": [], "one dense": [dense], "one sparse": [sparse], "one sparse by age": [sparse]}.get(
        shape, [factored]
    )
    generators = [factored, dense] if "two" in shape else generators
    if "two factored" in shape:
        generators[1] = build_part(toys.get("generator", "factors"), "other", EpochOptions(), sizes, 4)
    if "two sparse" in shape:
        generators[1] = sparse
    recency = next((Recency(by, 0.5) for by in ("position", "age") if f"by {by}" in shape), EVEN)
    ranked = Sizes(items=n_items, features=8, generators=len(generators), candidates=20)
    ranker = build_part(toys.get("ranker", "aged"), "aged", EpochOptions(), ranked, 3) if "ranker" in shape else None
    generator = torch.Generator().manual_seed(0)
    stages = Chosen(
        extractors=(extractor,),
        generators=tuple(generators),
        weights=(1.0, 0.5)[: len(generators)],
        ranker=ranker,
        recency=recency,
    )
    return Recommender(stages, prior=torch.rand(n_items, generator=generator), candidates=20, top_k=top_k)


@cache
def _exported(shape: str, n_items: int, top_k: int) -> bytes:
    with torch.no_grad():
        return to_graph(recommender(shape, n_items, top_k)).SerializeToString(deterministic=True)


def exported(shape: str, n_items: int = N_ITEMS, top_k: int = 10) -> ModelProto:
    """The graph of `recommender(shape, n_items, top_k)`, exported once; a copy that a test may change."""
    return ModelProto.FromString(_exported(shape, n_items, top_k))
