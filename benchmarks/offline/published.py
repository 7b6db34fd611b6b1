"""Figures as others printed them, on the published splits. Not run here."""

from __future__ import annotations

from typing import NamedTuple


class Printed(NamedTuple):
    """A line of somebody's table."""

    model: str
    width: str
    """Numbers an item, or how the model scores."""
    metrics: dict[str, float]


PUBLISHED: dict[str, tuple[Printed, ...]] = {
    "gowalla-lightgcn": (
        Printed("LightGCN", "64", {"recall@20": 0.1830, "ndcg@20": 0.1554}),
        Printed("SimpleX", "64", {"recall@20": 0.1872, "ndcg@20": 0.1557}),
        Printed("UltraGCN", "64", {"recall@20": 0.1862, "ndcg@20": 0.1580}),
        Printed("BSPM", "N", {"recall@20": 0.1920, "ndcg@20": 0.1597}),
        Printed("ChebyCF", "N", {"recall@20": 0.1941, "ndcg@20": 0.1616}),
    ),
    "ml-1m-lcf-m1": (Printed("UltraGCN", "64", {"recall@20": 0.2787, "ndcg@20": 0.2642}),),
    "cfgan-ml100k": (Printed("CFGAN", "N", {"precision@5": 0.444, "recall@20": 0.360, "ndcg@20": 0.433}),),
}
"""By protocol. Width N: a dense weight for every pair of items, or a network with N inputs and outputs."""
