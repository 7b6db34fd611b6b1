"""The hooks a plugin may implement. Hooks yield records; none calls back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

import pluggy

from selfrec.host.records import FeatureExtractor, Generator, Ranker

if TYPE_CHECKING:
    import click

PROJECT = "selfrec"

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


@hookspec
def selfrec_feature_extractors() -> Iterable[FeatureExtractor]:
    """Yield the feature extractors this plugin offers."""
    return ()


@hookspec
def selfrec_generators() -> Iterable[Generator]:
    """Yield the generators this plugin offers."""
    return ()


@hookspec
def selfrec_rankers() -> Iterable[Ranker]:
    """Yield the rankers this plugin offers."""
    return ()


@hookspec
def selfrec_commands(cli: click.Group) -> None:
    """Add commands to the command line; `cli` is the group to add them to."""


@hookspec
def selfrec_epoch_end(stage: str, plugin: str, epoch: int, metrics: Mapping[str, float]) -> None:
    """Told after every epoch of training: the stage ("extractor", "generator", "ranker"), the part's name,
    the epoch counted from 1, and its figures (loss, validation metric, whatever the part reports).
    """
