"""Who proposes the next options: a seeded draw, or Optuna where it is installed and the search is long."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from selfrec.errors import TargetError, one_line
from selfrec.settings.search import Dimension
from selfrec.tuning.space import Options

if TYPE_CHECKING:
    import optuna

MUTATED = 2
"""Most options in which a proposal differs from the best trial so far: a step that can be understood."""

FIXED = "fixed"
"""Where a study keeps what its trials have in common."""


class Sampler(Protocol):
    """Proposes options and is told how they did. The first trial, the options as they stand, is told like any.

    It may propose what was tried before: it is then told so, and asked again for the same trial.
    """

    def propose(self, number: int) -> Options | None:
        """The options of trial `number` (from 1), or None where there is nothing to try."""

    def told(self, number: int, options: Options, value: float) -> None:
        """Trial `number` (0 is the configuration as it stands) reached this NDCG@20, or would."""


class LocalSampler:
    """Changes one or two options of the best trial so far, chosen by the seed.

    A local search: with the dozen trials of a short budget it finds what a grid or a model of the space would not
    have begun to look for.
    """

    def __init__(self, space: Sequence[Dimension], seed: int) -> None:
        self._space = list(space)
        self._rng = np.random.default_rng([seed, 15])
        self._best: tuple[float, Options] = (float("-inf"), {})

    def propose(self, number: int) -> Options | None:
        return self._near_best() if self._space else None

    def told(self, number: int, options: Options, value: float) -> None:
        self._best = max(self._best, (value, options), key=lambda pair: pair[0])

    def _near_best(self) -> Options:
        options = dict(self._best[1])
        many = int(self._rng.integers(1, min(MUTATED, len(self._space)) + 1))
        for at in self._rng.choice(len(self._space), size=many, replace=False):
            dimension = self._space[at]
            options[dimension.name] = dimension.values[int(self._rng.integers(len(dimension.values)))]
        return options


class OptunaSampler:
    """Optuna's tree-structured Parzen estimator (Bergstra et al. 2011); a later search goes on from its journal."""

    def __init__(
        self, space: Sequence[Dimension], seed: int, journal: Path | None, fixed: Mapping[str, Any] | None = None
    ) -> None:
        """fixed: the configuration that trials are of, as JSON; a journal of another one is refused (TargetError)."""
        import optuna
        from optuna.storages import InMemoryStorage, JournalStorage
        from optuna.storages.journal import JournalFileBackend

        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self._space = list(space)
        self._open: dict[int, optuna.trial.Trial] = {}
        try:
            storage: Any = InMemoryStorage() if journal is None else JournalStorage(JournalFileBackend(str(journal)))
            self._study = optuna.create_study(
                study_name="selfrec",
                storage=storage,
                sampler=optuna.samplers.TPESampler(seed=seed, multivariate=True),
                direction="maximize",
                load_if_exists=True,
            )
            _check_fixed(self._study, journal, fixed or {})
            if any(trial.value is not None for trial in self._study.trials):
                # The best so far comes first, measured anew, so that a search that goes on never ends below it.
                self._study.enqueue_trial(self._study.best_params)
        except (OSError, ValueError) as error:
            raise TargetError(f"study {str(journal)!r}: {one_line(error)}; name another file") from error

    def propose(self, number: int) -> Options | None:
        if not self._space:
            return None
        trial = self._study.ask()
        self._open[number] = trial
        return {one.name: trial.suggest_categorical(one.name, one.values) for one in self._space}

    def told(self, number: int, options: Options, value: float) -> None:
        if number in self._open:
            self._study.tell(self._open.pop(number), value)


def _check_fixed(study: optuna.Study, journal: Path | None, fixed: Mapping[str, Any]) -> None:
    """Note in a new study what its trials are of; refuse one whose trials are of something else."""
    earlier = study.user_attrs.get(FIXED)
    if earlier is None:
        study.set_user_attr(FIXED, dict(fixed))
    elif earlier != fixed:
        other = ", ".join(name for name in {**earlier, **fixed} if earlier.get(name) != fixed.get(name))
        raise TargetError(f"study {str(journal)!r}: its trials are of other options ({other}); name another file")
