"""The search for options that `fit --budget` runs before it trains, and `selfrec tune` by itself."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import torch

from selfrec.errors import SettingsError
from selfrec.model_folder.manifest import SearchRow
from selfrec.pipeline.checkpoint import WorkFolder
from selfrec.pipeline.listener import FitListener
from selfrec.pipeline.measure import Measured
from selfrec.settings.search import in_short
from selfrec.settings.tables import Config, SearchSettings
from selfrec.tuning.samplers import LocalSampler, Sampler
from selfrec.tuning.search import Ended, Search, SearchRequest, Trial, search
from selfrec.tuning.space import Options, in_effect, space_of, with_options
from selfrec.tuning.trial import TrialRunner

NOTE = "search"
"""What the trials are called in the folder of unfinished work."""


def search_options(
    runner: TrialRunner,
    config: Config,
    listener: FitListener,
    *,
    sampler: Sampler | None = None,
    work_folder: WorkFolder | None = None,
) -> Search:
    """Search the open options of the configuration's parts as [search] says.

    sampler: proposes the options; a local search by the configuration's seed when None. work_folder: where finished
    trials are kept, so that a search that is killed goes on from them.

    Raises SettingsError where there is nothing to measure on or no option to search.
    """
    space = space_of(config, runner.records)
    if runner.validation is None:
        raise SettingsError(
            "search: there is no validation part to compare options on; set split.validation, or do not search"
        )
    if not space:
        raise SettingsError(
            "search: no part of the pipeline has an option left to search; set fewer options, or do not search"
        )

    kept_in = work_folder or WorkFolder(None)

    def run(options: Options) -> Measured | None:
        listener.training("search", "options", in_short(options), 0)
        return runner.run(with_options(config, options))

    def effect(options: Options) -> str:
        try:
            return in_effect(with_options(config, options), runner.records, runner.dataset.train)
        except SettingsError:
            return repr(options)  # The trial itself says what is wrong with them.

    request = SearchRequest(
        trials=config.search.trials,
        seconds=config.search.seconds,
        effect=effect,
        earlier=_kept(kept_in),
        keep=lambda ended: kept_in.keep(NOTE, {"trials": list(map(_stored, ended))}),
        told=lambda trial: listener.trial(trial.number, trial.options, trial.metrics, trial.seconds),
    )
    return search(run, sampler or LocalSampler(space, config.seed), request)


def _stored(ended: Ended) -> dict[str, Any]:
    """A trial as torch.load reads it back without running code."""
    got, trial = ended.measured, asdict(ended.trial)
    if got is None:
        return {"trial": trial}
    far = None if got.far is None else torch.from_numpy(got.far)
    return {"trial": trial, "metrics": got.metrics, "per_user": torch.from_numpy(got.per_user), "far": far}


def _kept(work_folder: WorkFolder) -> list[Ended]:
    """The trials of the search that was killed."""
    found = work_folder.kept(NOTE)
    return [] if found is None else [_ended(**stored) for stored in found["trials"]]


def _ended(
    trial: dict[str, Any],
    metrics: dict[str, float] | None = None,
    per_user: torch.Tensor | None = None,
    far: torch.Tensor | None = None,
) -> Ended:
    if metrics is None or per_user is None:
        return Ended(Trial(**trial), None)
    return Ended(Trial(**trial), Measured(metrics, per_user.numpy(), None if far is None else far.numpy()))


def found_options(
    runner: TrialRunner, config: Config, listener: FitListener, work_folder: WorkFolder
) -> tuple[Config, tuple[SearchRow, ...]]:
    """The configuration with the options a search found, and the search's trials.

    The search is over in the configuration returned: fitting with it gives the same model without one. A resumed fit
    goes on from the trials that were finished before it was killed.
    """
    if not config.search.wanted:
        return config, ()
    rows = work_folder.noted(NOTE)
    if rows is None:
        rows = rows_of(search_options(runner, config, listener, work_folder=work_folder))
    work_folder.note(NOTE, rows)
    chosen = next(row for row in rows if row["chosen"])
    found = with_options(config, chosen["options"]).model_copy(update={"search": SearchSettings()})
    return found, tuple(SearchRow(**row) for row in rows)


def rows_of(result: Search) -> list[dict[str, Any]]:
    """The trials as the manifest keeps them."""
    return [
        {
            "options": trial.options,
            "metrics": trial.metrics,
            "seconds": round(trial.seconds, 2),
            "chosen": trial.number == result.chosen,
            "failed": trial.failed,
        }
        for trial in result.trials
    ]
