"""The search itself: trials one after the other until the budget or the number of trials is used up."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from selfrec.errors import SelfrecError
from selfrec.pipeline.measure import Measured, better
from selfrec.tuning.samplers import Sampler
from selfrec.tuning.space import Options

NDCG = "ndcg@20"

REPEATS = 200
"""After so many proposals in a row that were all tried before, the search ends: nothing is left to try."""


@dataclass(frozen=True)
class Trial:
    """One set of options and what it reached on the validation part."""

    number: int
    """0 is the configuration as it stands."""
    options: Options
    metrics: dict[str, float]
    seconds: float
    failed: str = ""
    """Why there are no metrics."""


@dataclass(frozen=True)
class Ended:
    """A trial with what the choice between trials needs of it."""

    trial: Trial
    measured: Measured | None


@dataclass
class Search:
    """All trials, and the one whose options are taken."""

    trials: list[Trial] = field(default_factory=list)
    chosen: int = 0

    @property
    def options(self) -> Options:
        """The options that won; empty where the configuration as it stands did."""
        return self.trials[self.chosen].options if self.trials else {}


def _as_they_are(options: Options) -> str:
    return repr(sorted(options.items()))


@dataclass(frozen=True, kw_only=True)
class SearchRequest:
    """How long a search goes on, which trials count as the same, and what is done with each."""

    trials: int | None = None
    """Trials at most, besides the configuration as it stands; as many as there are when None."""
    seconds: float | None = None
    """No trial begins that would likely outlast this; any time when None."""
    effect: Callable[[Options], str] = _as_they_are
    """Options of one effect train one model: what was tried, under whatever name, is not tried again."""
    earlier: Sequence[Ended] = ()
    """What `keep` was given last in a search that was killed. A sampler that proposes the same options again finds
    those trials here, with the seconds they took."""
    keep: Callable[[Sequence[Ended]], None] = lambda ended: None
    """Given all trials so far after each one that was run."""
    told: Callable[[Trial], None] = lambda trial: None
    """Told each trial, earlier ones too."""
    clock: Callable[[], float] = time.monotonic
    """Seconds."""


def search(run: Callable[[Options], Measured | None], sampler: Sampler, request: SearchRequest) -> Search:
    """Try the sampler's options one after the other until the request's limits are reached.

    run(options) trains the pipeline and measures it on the validation part; None means that there is nothing to
    measure on, and the search ends. The best mean NDCG@20 wins, but the configuration as it stands is left only for
    trials that beat it by more than one standard error of the paired difference: the validation part is looked at
    many times. A trial that fails is reported and passed over, unless it is the configuration as it stands.
    """
    ended: list[Ended] = []
    known: dict[str, float | None] = {}
    options: Options | None = {}
    earlier, effect = request.earlier, request.effect
    while options is not None:
        number = len(ended)
        before = earlier[number] if number < len(earlier) and earlier[number].trial.options == options else None
        one = _tried(run, number, options, request.clock) if before is None else before
        ended.append(one)
        known[effect(options)] = one.trial.metrics.get(NDCG)
        if one.measured is not None:
            sampler.told(number, options, one.measured.metrics[NDCG])
        elif number == 0:
            break
        if before is None:
            request.keep(ended)
        request.told(one.trial)
        options = None if _over(ended, request) else _untried(sampler, number + 1, known, effect)
    return Search([one.trial for one in ended], _winner(ended))


def _over(ended: Sequence[Ended], request: SearchRequest) -> bool:
    """Whether the trials are used up, or one that takes as long as the longest would outlast the budget."""
    trials, seconds = request.trials, request.seconds
    took = [one.trial.seconds for one in ended]
    return (seconds is not None and sum(took) + max(took) > seconds) or (trials is not None and len(ended) > trials)


def _untried(
    sampler: Sampler, number: int, known: Mapping[str, float | None], effect: Callable[[Options], str]
) -> Options | None:
    """The next options whose effect is not known; known: what each effect reached, None where it failed."""
    for _ in range(REPEATS):
        options = sampler.propose(number)
        if options is None or effect(options) not in known:
            return options
        reached = known[effect(options)]
        if reached is not None:
            sampler.told(number, options, reached)
    return None


def _tried(
    run: Callable[[Options], Measured | None], number: int, options: Options, clock: Callable[[], float]
) -> Ended:
    began = clock()
    try:
        got = run(options)
    except SelfrecError as error:
        if number == 0:
            raise
        return Ended(Trial(number, options, {}, clock() - began, str(error)), None)
    return Ended(Trial(number, options, {} if got is None else dict(got.metrics), clock() - began), got)


def _winner(ended: Sequence[Ended]) -> int:
    measured = {one.trial.number: one.measured for one in ended if one.measured is not None}
    rivals = [number for number in measured if number and better(measured[number], measured[0])]
    return max(rivals, key=lambda number: (measured[number].metrics[NDCG], -number), default=0)
