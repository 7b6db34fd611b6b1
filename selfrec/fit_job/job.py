"""`selfrec fit`: reads, trains, chooses, refits, exports and writes one model folder, whole or not at all."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from selfrec.cores import available_cores
from selfrec.errors import SettingsError
from selfrec.evaluation.evaluate import evaluate_model
from selfrec.evaluation.result import Evaluation
from selfrec.export.blame import check_operations
from selfrec.export.check import check_graph
from selfrec.export.graph import to_graph, write_graph
from selfrec.fit_job.identity import identity_of, starting_anew
from selfrec.fit_job.manifest import manifest_of
from selfrec.fit_job.reporting import report_data
from selfrec.fit_job.searching import found_options
from selfrec.fit_job.unread import unread_columns
from selfrec.fit_job.unread_features import unread_extractors
from selfrec.fit_job.warm_start import check_warm_start, warm_start_of
from selfrec.histories import Holdout
from selfrec.host.manager import PluginManager
from selfrec.host.parts import check_parts
from selfrec.model_folder.manifest import GRAPH, ITEMS, WEIGHTS, Manifest
from selfrec.model_folder.order import check_source
from selfrec.model_folder.reading import open_model
from selfrec.model_folder.writing import ModelWriter
from selfrec.pipeline.checkpoint import WorkFolder
from selfrec.pipeline.chosen import Chosen
from selfrec.pipeline.listener import FitListener, Silent
from selfrec.pipeline.part_training import PartTrainer
from selfrec.pipeline.parts import Part
from selfrec.pipeline.pipeline_training import REFIT, SELECTION
from selfrec.pipeline.prior import popularity_prior
from selfrec.pipeline.stages import StageTrainer
from selfrec.pipeline.weights import write_weights
from selfrec.report.card import write_model_card
from selfrec.report.data import ReportData
from selfrec.report.page import write_report
from selfrec.settings.tables import Config, ScoringSettings, TrainingSettings
from selfrec.source.dataset import Dataset, load_dataset

LEAST_TO_REFIT = 1 / 40
"""Hidden share of the rows from which a refit by `auto` is worth its time."""


@dataclass(frozen=True)
class Fitted:
    """What a fit leaves behind."""

    path: Path
    manifest: Manifest
    notes: tuple[str, ...] = ()
    """What a person should know of it, a line each."""


def fit(
    source: str,
    out: str,
    config: Config,
    *,
    items: str | None = None,
    user_features: str | None = None,
    item_features: str | None = None,
    resume: bool = False,
    warm_start: str | None = None,
    listener: FitListener | None = None,
) -> Fitted:
    """Fit a model on the interactions of `source` and write it to the folder `out`.

    items: where item columns stand (see load_dataset). user_features, item_features: where the columns of users and
    items stand that the parts may learn from. resume: go on with a killed fit of the same source and
    configuration. warm_start: a model whose weights to begin with, items matched by id.

    Raises SelfrecError of every kind; the folder that stood at `out` is then still there.
    """
    listener = listener or Silent()
    plugins = PluginManager.load(config.disable_plugins)
    found = check_parts(config, plugins)
    _check_length(config)
    check_source(source)
    # What is wrong here is better known before the source is read.
    _device(config.training.device)
    if warm_start is not None:
        check_warm_start(warm_start)
    used = {(kind, part.name) for kind, parts in found.items() for part in parts.values()}
    writer = ModelWriter(out)
    try:
        with writer.spill() as spill:
            dataset = load_dataset(
                source,
                config,
                items=items,
                user_features=user_features,
                item_features=item_features,
                temp_directory=str(spill),
            )
        listener.cleaned(dataset.report)
        with writer, torch_settings(config.training) as device:
            folder = writer.target.with_name(f".{writer.target.name}.fit")
            identity = identity_of(config, dataset, warm_start, plugins, used)
            work_folder, resumed = WorkFolder.open(folder, identity, resume=resume)
            with work_folder:
                if resume and not resumed:
                    listener.message(starting_anew(work_folder.dropped, identity))
                fitted = _fit(writer, work_folder, dataset, config, plugins, device, warm_start, listener)
                work_folder.close()
    except BrokenPipeError:
        # Of whoever reads what the job prints, not of a file.
        raise
    except OSError as error:
        raise writer.failed(error) from error
    return fitted


def _check_length(config: Config) -> None:
    """Raises SettingsError where longer lists are asked of scoring than the graph will have."""
    k, most = config.scoring.k, config.pipeline.top_k
    if k > most and k != ScoringSettings().k:
        raise SettingsError(
            f"scoring.k = {k} is more than pipeline.top_k = {most}, the length of the graph's lists; raise "
            f"pipeline.top_k to {k}, or lower scoring.k"
        )


def _fit(
    writer: ModelWriter,
    work_folder: WorkFolder,
    dataset: Dataset,
    config: Config,
    plugins: PluginManager,
    device: torch.device,
    warm_start: str | None,
    listener: FitListener,
) -> Fitted:
    """From the data set to the model folder."""
    validation = sampled_validation(dataset.validation, config)
    config, trials = found_options(config, dataset, validation, plugins, device, listener, work_folder)
    parts = PartTrainer(
        config=config,
        records=plugins,
        catalog=dataset.catalog,
        work_folder=work_folder,
        listener=listener,
        notify=_telling(plugins, listener),
        device=device,
        warm=warm_start_of(warm_start, config, dataset, listener),
        item_features=dataset.item_features,
    )
    stages = StageTrainer(parts, popularity_prior(dataset.catalog))
    chosen, final = _train(stages, dataset, validation, config)
    stages.settle_prior(dataset.refit)
    recommender = stages.recommender(final)
    listener.working("exporting the graph")
    graph = to_graph(recommender)
    listener.working("checking the graph")
    check_operations(graph, recommender)
    write_graph(graph, writer.folder)
    check_graph(writer.folder / GRAPH, recommender)
    dataset.catalog.write(writer.folder / ITEMS)
    write_weights({SELECTION: chosen.parts, REFIT: final.parts}, writer.folder / WEIGHTS)
    manifest = manifest_of(config, dataset, plugins, stages.table, final, recommender, trials)
    evaluation = _test(writer, manifest, dataset, config, listener)
    if evaluation is not None:
        manifest = manifest.model_copy(update={"test_metrics": dict(evaluation.overall.model)})
    data = report_data(config, dataset, stages, final, recommender, trials)
    _write_report(writer.folder, data.model_copy(update={"evaluation": evaluation, "refitted": final is not chosen}))
    unread = unread_columns(config, dataset, parts, final, manifest)
    compared = [trained.part for (phase, _), trained in parts.trained.items() if phase == SELECTION]
    unread += unread_extractors(config, compared, dataset.train, recommender)
    return Fitted(writer.target, writer.commit(manifest), unread)


def _train(stages: StageTrainer, dataset: Dataset, validation: Holdout | None, config: Config) -> tuple[Chosen, Chosen]:
    """Choose the stages on the validation rows, then train the chosen ones once more on all the rows allowed."""
    chosen = stages.select(dataset.train, validation)
    if not worth_a_refit(dataset, config) or (not chosen.generators and chosen.ranker is None):
        return chosen, chosen
    return chosen, stages.refit(chosen, dataset.refit)


def worth_a_refit(dataset: Dataset, config: Config) -> bool:
    """Whether training.refit asks for one; `auto` does where enough rows were hidden."""
    if config.training.refit != "auto":
        return config.training.refit != "none"
    hidden = len(dataset.refit.items) - len(dataset.train.items)
    return hidden >= LEAST_TO_REFIT * len(dataset.refit.items)


def sampled_validation(validation: Holdout, config: Config) -> Holdout | None:
    """At most training.validation_users rows, chosen by the seed; None where there are none."""
    if len(validation) == 0:
        return None
    most = config.training.validation_users
    if len(validation) <= most:
        return validation
    rows = np.random.default_rng([config.seed, 13]).choice(len(validation), size=most, replace=False)
    return validation.take(np.sort(rows))


def _telling(plugins: PluginManager, listener: FitListener) -> Any:
    def notify(part: Part, epoch: int, metrics: Mapping[str, float]) -> None:
        listener.epoch(part.label, epoch, metrics)
        plugins.epoch_end(part.kind, part.record.name, epoch, metrics)

    return notify


def _test(
    writer: ModelWriter, manifest: Manifest, dataset: Dataset, config: Config, listener: FitListener
) -> Evaluation | None:
    """The exported graph measured on the test part; None where there is none that the model has not seen."""
    if config.training.refit == "all" or not (dataset.test.targets.lengths > 0).any():
        return None
    listener.working("measuring the graph on the test part")
    writer.seal(manifest)
    return evaluate_model(open_model(writer.folder), dataset.test, settings=config.scoring)


def _write_report(folder: Path, data: ReportData) -> None:
    data.write(folder)
    write_report(data, folder / "report.html")
    write_model_card(data, folder / "model_card.md")


@contextmanager
def torch_settings(settings: TrainingSettings) -> Iterator[torch.device]:
    """The device, with torch's threads and determinism set for the length of a fit and put back afterwards."""
    threads, deterministic = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    # torch itself knows of no container's limit.
    asked = min(threads, available_cores()) if settings.threads is None else settings.threads
    if asked != threads:
        torch.set_num_threads(asked)
    torch.use_deterministic_algorithms(True, warn_only=True)
    # Else deterministic mode writes every new tensor twice: a debugging aid that costs a pass over memory.
    memory: Any = torch.utils.deterministic
    filling = memory.fill_uninitialized_memory
    memory.fill_uninitialized_memory = False
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Sparse (CSR tensor support|invariant checks)")
            yield _device(settings.device)
    finally:
        torch.set_num_threads(threads)
        torch.use_deterministic_algorithms(deterministic)
        memory.fill_uninitialized_memory = filling


def _device(name: str) -> torch.device:
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        # The device "meta" holds no numbers.
        torch.empty(0, device=device).cpu()
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        raise SettingsError(f"training.device {name!r} is not there on this machine; use auto or cpu") from error
    return device
