"""The search itself: trials one after the other until the budget or the number of trials is used up."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from selfrec.errors import SelfrecError
from selfrec.pipeline.measure import Measured, better
from selfrec.tuning.samplers import Sampler
from selfrec.tuning.space import Options

NDCG = "ndcg@20"

REPEATS = 200
"""Proposals in a row that were all tried before: then there is nothing new."""


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


def search(
    run: Callable[[Options], Measured | None],
    sampler: Sampler,
    *,
    trials: int | None,
    seconds: float | None,
    told: Callable[[Trial], None] = lambda trial: None,
    effect: Callable[[Options], str] = _as_they_are,
    clock: Callable[[], float] = time.monotonic,
) -> Search:
    """Try options until `trials` are done or the next one would likely outlast `seconds`.

    run(options) trains the pipeline and measures it on the validation part; None means that there is nothing to
    measure on, and the search ends. The best mean NDCG@20 wins, but the configuration as it stands is left only for
    trials that beat it by more than one standard error of the paired difference: the validation part is looked at
    many times. A trial that fails is reported and passed over. Options of one effect(options) train one model: what
    was tried, under whatever name, is not tried again.
    """
    began, result = clock(), Search()
    measured: dict[int, Measured] = {}
    known: dict[str, float | None] = {}
    options: Options | None = {}
    while options is not None:
        number, started = len(result.trials), clock()
        trial, got = _tried(run, number, options, lambda started=started: clock() - started)  # type: ignore[misc]
        result.trials.append(trial)
        known[effect(options)] = trial.metrics.get(NDCG)
        if got is not None:
            measured[number] = got
            sampler.told(number, options, got.metrics[NDCG])
        elif number == 0:
            break
        told(trial)
        longest = max(one.seconds for one in result.trials)
        spent = seconds is not None and clock() - began + longest > seconds
        enough = trials is not None and len(result.trials) > trials
        options = None if spent or enough else _untried(sampler, number + 1, known, effect)
    result.chosen = _winner(measured)
    return result


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
    run: Callable[[Options], Measured | None], number: int, options: Options, taken: Callable[[], float]
) -> tuple[Trial, Measured | None]:
    try:
        got = run(options)
    except SelfrecError as error:
        if number == 0:
            raise
        return Trial(number, options, {}, taken(), str(error)), None
    return Trial(number, options, {} if got is None else dict(got.metrics), taken()), got


def _winner(measured: dict[int, Measured]) -> int:
    rivals = [number for number in measured if number and better(measured[number], measured[0])]
    return max(rivals, key=lambda number: (measured[number].metrics[NDCG], -number), default=0)
