"""`selfrec fit`: reads, trains, chooses, refits, exports and writes one model folder, whole or not at all."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from selfrec.errors import SettingsError
from selfrec.evaluation.evaluate import evaluate_model
from selfrec.evaluation.result import Evaluation
from selfrec.export.blame import check_operations
from selfrec.export.check import check_graph
from selfrec.export.graph import to_graph, write_graph
from selfrec.fit_job.devices import device_of, torch_settings
from selfrec.fit_job.fitted_pipeline import FittedPipeline
from selfrec.fit_job.identity import Identity, identity_of, starting_anew
from selfrec.fit_job.manifest import manifest_of
from selfrec.fit_job.reporting import report_data
from selfrec.fit_job.request import ANEW, FitRequest
from selfrec.fit_job.rows import sampled_validation, worth_a_refit
from selfrec.fit_job.searching import found_options
from selfrec.fit_job.unread import unread_columns
from selfrec.fit_job.unread_features import unread_extractors
from selfrec.fit_job.warm_start import check_warm_start, warm_start_of
from selfrec.host.manager import PluginManager
from selfrec.host.parts import check_parts
from selfrec.model_folder.manifest import GRAPH, ITEMS, WEIGHTS, Manifest
from selfrec.model_folder.order import check_source
from selfrec.model_folder.reading import open_model
from selfrec.model_folder.writing import ModelWriter
from selfrec.pipeline.checkpoint import WorkFolder
from selfrec.pipeline.fitting import Notify
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
from selfrec.settings.tables import Config, ScoringSettings
from selfrec.source.dataset import Dataset, load_dataset
from selfrec.tuning.trial import TrialRunner


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
    request: FitRequest = ANEW,
    *,
    listener: FitListener | None = None,
) -> Fitted:
    """Fit a model on the interactions of `source` and write it to the folder `out`.

    Raises SelfrecError of every kind; the folder that stood at `out` is then still there.
    """
    listener = listener or Silent()
    plugins = PluginManager.load(config.disable_plugins)
    found = check_parts(config, plugins)
    _check_length(config)
    check_source(source)
    # A mistake in these is better told before the source is read, which may take long.
    device_of(config.training.device)
    if request.warm_start is not None:
        check_warm_start(request.warm_start)
    used = {(kind, part.name) for kind, parts in found.items() for part in parts.values()}
    writer = ModelWriter(out)
    try:
        with writer.spill() as spill:
            dataset = load_dataset(source, config, request.places, temp_directory=str(spill), wait=request.wait)
        listener.cleaned(dataset.report)
        with writer, torch_settings(config.training) as device:
            validation = sampled_validation(dataset.validation, config)
            runner = TrialRunner(dataset=dataset, validation=validation, records=plugins, device=device)
            identity = identity_of(config, dataset, request.warm_start, plugins, used)
            with _work_folder(writer, identity, listener, resume=request.resume) as work_folder:
                fitted = _fit_pipeline(runner, config, work_folder, request.warm_start, plugins, listener)
                return _write_model(fitted, writer, plugins, listener)
    except BrokenPipeError:
        # Of whoever reads what the job prints, not of a file.
        raise
    except OSError as error:
        raise writer.failed(error) from error


def _check_length(config: Config) -> None:
    """Raises SettingsError where longer lists are asked of scoring than the graph will have."""
    k, most = config.scoring.k, config.pipeline.top_k
    if k > most and k != ScoringSettings().k:
        raise SettingsError(
            f"scoring.k = {k} is more than pipeline.top_k = {most}, the length of the graph's lists; raise "
            f"pipeline.top_k to {k}, or lower scoring.k"
        )


@contextmanager
def _work_folder(
    writer: ModelWriter, identity: Identity, listener: FitListener, *, resume: bool
) -> Iterator[WorkFolder]:
    """The folder of the fit's unfinished work, beside the model; gone at the end, kept where the fit is stopped."""
    folder = writer.target.with_name(f".{writer.target.name}.fit")
    work_folder, resumed = WorkFolder.open(folder, identity, resume=resume)
    with work_folder:
        if resume and not resumed:
            listener.message(starting_anew(work_folder.dropped, identity))
        yield work_folder
        work_folder.close()


def _fit_pipeline(
    runner: TrialRunner,
    config: Config,
    work_folder: WorkFolder,
    warm_start: str | None,
    plugins: PluginManager,
    listener: FitListener,
) -> FittedPipeline:
    """Search, when that is asked for; choose the stages; train the chosen ones once more on all the rows allowed."""
    dataset = runner.dataset
    config, trials = found_options(runner, config, listener, work_folder)
    parts = PartTrainer(
        config=config,
        records=plugins,
        catalog=dataset.catalog,
        work_folder=work_folder,
        listener=listener,
        notify=_telling(plugins, listener),
        device=runner.device,
        warm=warm_start_of(warm_start, config, dataset, listener),
        item_features=dataset.item_features,
    )
    stages = StageTrainer(parts, popularity_prior(dataset.catalog))
    chosen = final = stages.select(dataset.train, runner.validation)
    if worth_a_refit(dataset, config) and (chosen.generators or chosen.ranker is not None):
        final = stages.refit(chosen, dataset.refit)
    stages.settle_prior(dataset.refit)
    return FittedPipeline(
        config=config,
        dataset=dataset,
        stages=stages,
        chosen=chosen,
        final=final,
        recommender=stages.recommender(final),
        trials=trials,
    )


def _write_model(fitted: FittedPipeline, writer: ModelWriter, plugins: PluginManager, listener: FitListener) -> Fitted:
    """Export the pipeline, check and measure the graph, and write the model folder."""
    dataset, recommender, folder = fitted.dataset, fitted.recommender, writer.folder
    listener.working("exporting the graph")
    graph = to_graph(recommender)
    listener.working("checking the graph")
    check_operations(graph, recommender)
    write_graph(graph, folder)
    check_graph(folder / GRAPH, recommender)
    dataset.catalog.write(folder / ITEMS)
    write_weights({SELECTION: fitted.chosen.parts, REFIT: fitted.final.parts}, folder / WEIGHTS)
    manifest = manifest_of(fitted, plugins)
    evaluation = _test(writer, manifest, dataset, fitted.config, listener)
    if evaluation is not None:
        manifest = manifest.model_copy(update={"test_metrics": dict(evaluation.overall.model)})
    _write_report(folder, report_data(fitted, evaluation))
    compared = [trained.part for (phase, _), trained in fitted.parts.trained.items() if phase == SELECTION]
    unread = unread_columns(fitted, manifest)
    unread += unread_extractors(fitted.config, compared, dataset.train, recommender)
    return Fitted(writer.target, writer.commit(manifest), unread)


def _telling(plugins: PluginManager, listener: FitListener) -> Notify:
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
