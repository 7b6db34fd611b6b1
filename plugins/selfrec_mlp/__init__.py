"""A small network that orders the candidates by what the stages before it cannot see together."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Literal

from selfrec.plugin import Ranker, Sizes, hookimpl
from selfrec_mlp.options import MlpOptions

if TYPE_CHECKING:
    from selfrec.plugin import Fitting
    from selfrec_mlp.module import CandidateRanker
    from selfrec_mlp.textbook import TextbookRanker


def build(options: MlpOptions, sizes: Sizes) -> CandidateRanker | TextbookRanker:
    """The ranker, which at first keeps the generators' order. torch is imported here, not at start-up."""
    if options.textbook:
        from selfrec_mlp.textbook import TextbookRanker

        return TextbookRanker(options, sizes)
    from selfrec_mlp.module import CandidateRanker

    return CandidateRanker(options, sizes)


def train(module: CandidateRanker | TextbookRanker, fitting: Fitting) -> None:
    """Tell the module what is known of the items, then the shared loop."""
    from selfrec_mlp.training import learn

    learn(module, fitting)


def prepare(module: CandidateRanker | TextbookRanker, fitting: Fitting) -> None:
    """What is known of the items, from other rows."""
    from selfrec_mlp import training

    training.prepare(module, fitting)


def portable(options: MlpOptions) -> bool:
    """The textbook's ranker reads the features of one training of the encoder."""
    return not options.textbook


def inputs(options: MlpOptions) -> frozenset[Literal["ages", "user_features"]]:
    """The graph's further inputs that a ranker with these options reads."""
    wanted: set[Literal["ages", "user_features"]] = set()
    if options.ages and not options.textbook:
        wanted.add("ages")
    if options.user_features and not options.textbook:
        wanted.add("user_features")
    return frozenset(wanted)


@hookimpl
def selfrec_rankers() -> Iterator[Ranker]:
    """The ranker `mlp`."""
    yield Ranker(
        name="mlp",
        summary="A network over the generators' scores, the history, time, and what is known of user and candidate.",
        options=MlpOptions,
        build=build,
        trainer=train,
        inputs=inputs,
        portable=portable,
        prepare=prepare,
    )
