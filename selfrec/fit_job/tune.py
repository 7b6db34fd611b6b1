"""`selfrec tune`: a long search for options, without a model at its end."""

from __future__ import annotations

from pathlib import Path

from selfrec.extras import extra_needed
from selfrec.fit_job.devices import torch_settings
from selfrec.fit_job.rows import sampled_validation
from selfrec.fit_job.searching import rows_of, search_options
from selfrec.host.manager import PluginManager
from selfrec.host.parts import check_parts
from selfrec.model_folder.manifest import SearchRow
from selfrec.model_folder.order import check_source
from selfrec.pipeline.listener import FitListener, Silent
from selfrec.settings.tables import Config, SearchSettings
from selfrec.source.dataset import load_dataset
from selfrec.source.side_places import NOWHERE, SidePlaces
from selfrec.tuning.samplers import OptunaSampler
from selfrec.tuning.space import space_of, with_options
from selfrec.tuning.trial import TrialRunner


def tune(
    source: str,
    config: Config,
    places: SidePlaces = NOWHERE,
    *,
    study: str | None = None,
    listener: FitListener | None = None,
) -> tuple[Config, tuple[SearchRow, ...]]:
    """Search the options that `config` leaves open, as config.search says; the configuration found and all trials.

    study: a journal file; a search that is given the same one goes on from the trials in it, which must be of the same
    options.

    Raises SelfrecError of every kind.
    """
    listener = listener or Silent()
    plugins = PluginManager.load(config.disable_plugins)
    check_parts(config, plugins)
    check_source(source)
    with extra_needed("selfrec tune"):
        # Trials of other rows of the table still say where to look; those of other options are about another model.
        fixed = config.model_dump(mode="json", exclude={"search", "seed", "scoring", "training"})
        sampler = OptunaSampler(space_of(config, plugins), config.seed, None if study is None else Path(study), fixed)
    dataset = load_dataset(source, config, places)
    listener.cleaned(dataset.report)
    with torch_settings(config.training) as device:
        validation = sampled_validation(dataset.validation, config)
        runner = TrialRunner(dataset=dataset, validation=validation, records=plugins, device=device)
        result = search_options(runner, config, listener, sampler=sampler)
    found = with_options(config, result.options).model_copy(update={"search": SearchSettings()})
    return found, tuple(SearchRow(**row) for row in rows_of(result))
