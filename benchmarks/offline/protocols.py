"""The protocols: which data, which split, which figures are shown. Each is selfrec's own split with these options."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from selfrec.settings.config import load_config
from selfrec.settings.tables import Config


@dataclass(frozen=True, kw_only=True)
class Protocol:
    """One way to measure. Every model of it sees the same training rows and is asked for the same users."""

    name: str
    title: str
    """What a reader calls it."""
    folder: str
    """Of the data folder; holds interactions.parquet."""
    options: tuple[str, ...]
    """Options as for `selfrec fit -o`, for every model."""
    shown: tuple[str, ...] = ("recall@20", "ndcg@20")
    """Metrics of the tables; NDCG last."""
    note: str = ""

    def source(self, data: Path) -> Path:
        """Where the events stand."""
        return data / self.folder / "interactions.parquet"

    def config(self, seed: int, preset: str = "default", overrides: Iterable[str] = ()) -> Config:
        """The configuration of a fit; split and cleaning do not depend on the preset."""
        return load_config(preset=preset, overrides=(*self.options, *overrides), seed=seed)


_NO_ROW_DROPPED = (
    "cleaning.min_users_per_item=1",
    "cleaning.min_items_per_user=1",
    "cleaning.max_events_robust=none",
    "cleaning.max_history=100000",
)
_AS_PUBLISHED = ("split.kind=column", "split.validation=0.1", *_NO_ROW_DROPPED)
"""A published split: no row is dropped, options are chosen on a tenth of each user's train rows."""

_PUBLISHED_NOTE = "Published split, no row dropped; options chosen on 10 % of each user's train rows, cut by the seed."
_LEAVE_LAST_NOTE = "Each user's newest tenth is the test part, the tenth before it the validation part."
_TEMPORAL_NOTE = "The newest tenth of the rows is the test part, the tenth before it the validation part."
_RANDOM_NOTE = "A fifth of each user's items, drawn by the seed, is the test part, another tenth the validation part."
_STRONG_NOTE = (
    "Liang et al. 2018: test users are not trained on; 80 % of a test user's items are shown, the rest ranked. "
    "Recall is capped: hits / min(k, hidden). Users are drawn by the seed."
)
_STRONG = ("capped_recall@20", "capped_recall@50", "ndcg@100")


def _random(name: str, folder: str, title: str) -> Protocol:
    return Protocol(
        name=f"{name}-random",
        title=f"{title}, random",
        folder=folder,
        options=("split.kind=random", "split.test=0.2", *_NO_ROW_DROPPED),
        note=_RANDOM_NOTE,
    )


def _strong(name: str, folder: str, title: str, test: float, *more: str) -> Protocol:
    return Protocol(
        name=f"{name}-strong",
        title=f"{title}, strong generalisation",
        folder=folder,
        options=("split.kind=users", "split.fold_in=0.8", f"split.test={test}", *more),
        shown=_STRONG,
        note=f"{_STRONG_NOTE} Share of test users: {test:.0%}.",
    )


def _own_splits(folder: str, title: str, strong_test: float) -> tuple[Protocol, ...]:
    return (
        Protocol(
            name=f"{folder}-leave-last",
            title=f"{title}, leave-last",
            folder=folder,
            options=("split.kind=leave-last",),
            note=_LEAVE_LAST_NOTE,
        ),
        Protocol(
            name=f"{folder}-temporal",
            title=f"{title}, temporal",
            folder=folder,
            options=("split.kind=temporal",),
            note=_TEMPORAL_NOTE,
        ),
        _strong(folder, folder, title, strong_test),
    )


ALL = (
    Protocol(
        name="gowalla-lightgcn",
        title="Gowalla, LightGCN's split",
        folder="gowalla-lightgcn",
        options=_AS_PUBLISHED,
        note=_PUBLISHED_NOTE,
    ),
    Protocol(
        name="ml-1m-lcf-m1",
        title="MovieLens-1M, LCFN's split",
        folder="ml-1m-lcf-m1",
        options=_AS_PUBLISHED,
        note=_PUBLISHED_NOTE,
    ),
    Protocol(
        name="cfgan-ml100k",
        title="MovieLens-100K, CFGAN's split",
        folder="cfgan-ml100k",
        options=_AS_PUBLISHED,
        shown=("precision@5", "recall@20", "ndcg@20"),
        note=_PUBLISHED_NOTE,
    ),
    *_own_splits("ml-100k", "MovieLens-100K", 0.2),
    *_own_splits("tafeng", "Ta Feng", 0.1),
    _random("lastfm", "lastfm-hetrec2011", "Last.fm (HetRec 2011)"),
    _strong("lastfm", "lastfm-hetrec2011", "Last.fm (HetRec 2011)", 0.2, *_NO_ROW_DROPPED),
    _random("citeulike-a", "citeulike-a", "CiteULike-a"),
    _strong("citeulike-a", "citeulike-a", "CiteULike-a", 0.2, *_NO_ROW_DROPPED),
    _random("retailrocket", "retailrocket-caserec", "RetailRocket (Case Recommender's sample)"),
)
"""Every protocol, in the order of the tables."""
