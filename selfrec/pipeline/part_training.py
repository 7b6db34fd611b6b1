"""Training one part: resumed, warm-started, watched."""

from __future__ import annotations

import inspect
import warnings
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from selfrec.catalog import Catalog
from selfrec.errors import PluginError, SelfrecError, one_line
from selfrec.histories import Float32, Histories, Holdout
from selfrec.host.plugin_lines import defined_at, line_of
from selfrec.host.records import Kind, PartRecord, Sizes
from selfrec.pipeline.checkpoint import Checkpoint, WorkFolder
from selfrec.pipeline.checksums import checksums
from selfrec.pipeline.features import Features
from selfrec.pipeline.fitting import CandidateRows, Fitting, Notify, Validate
from selfrec.pipeline.listener import FitListener
from selfrec.pipeline.loop import train_by_epochs
from selfrec.pipeline.part_building import Records, build_part, part_options
from selfrec.pipeline.parts import Part
from selfrec.pipeline.plugin_numbers import epochs_told
from selfrec.pipeline.prior import HalfLives, baseline
from selfrec.pipeline.probing import check_dense, check_loaded, check_state, probe
from selfrec.pipeline.remedies import lack_of_memory, missing_package
from selfrec.pipeline.seeding import seeded
from selfrec.pipeline.watched import Watched
from selfrec.pipeline.weights import WarmStart
from selfrec.settings.config import label_and_name, part_table
from selfrec.settings.tables import Config

APPRENTICE = "apprentice"
"""The phase of stages that are trained for a ranker to learn from, and then dropped."""


@dataclass(frozen=True, kw_only=True)
class TrainingRows:
    """What one part learns from, and what it is measured on after every epoch."""

    histories: Histories
    validation: Holdout | None = None
    """None in a refit, and for apprentices."""
    features_of: Features = field(default_factory=lambda: Features([]))
    """Of the extractors before the part."""
    candidates: CandidateRows | None = None
    """Rankers only."""
    validate: Validate | None = None
    """In the place of the usual measure: rankers are measured through the whole pipeline."""


@dataclass
class Trained:
    """A part and how its training went."""

    part: Part
    curves: list[dict[str, float]]
    best_epoch: int


@dataclass(kw_only=True)
class PartTrainer:
    """Builds and trains parts, each with its own seed, and keeps how each training went."""

    config: Config
    records: Records
    catalog: Catalog
    work_folder: WorkFolder
    listener: FitListener
    notify: Notify
    device: torch.device
    warm: WarmStart = field(default_factory=WarmStart)
    item_features: Float32 | None = None
    """float32[N, I], or None where no item columns were given."""
    item_readers: set[str] = field(default_factory=set)
    """Keys of the parts that looked at these columns, or may have done so before this fit was stopped."""
    half_lives: HalfLives = field(default_factory=HalfLives)
    """Of popularity, as the options or the stages have chosen it."""
    trained: dict[tuple[str, str], Trained] = field(default_factory=dict)
    """By phase and part."""

    def build(self, kind: Kind, text: str, sizes: Sizes, *, shared: Part | None = None) -> Part:
        """The part that `text` ("name" or "label:name") names; with the module of `shared`, its other face."""
        label, name = label_and_name(text)
        record = self.records.get(kind, name)
        if shared is not None and shared.label == label and shared.record.shares_module(record):
            return Part(kind=kind, label=label, record=record, options=shared.options, module=shared.module)
        tables = [part_table(self.config, kind, label)]
        if kind == "extractor":
            tables += self._other_face(label, name, record)
        part = build_part(record, label, part_options(record, label, tables), sizes, self.seed_of(kind, label))
        part.module.to(self.device)
        return part

    def baseline(self, histories: Histories) -> Tensor:
        """The popularity of these rows with the half-lives as they stand, float32[N]."""
        return baseline(histories, self.half_lives.days(histories))

    def seed_of(self, kind: str, label: str) -> int:
        """A seed of the part's own, so that adding a part moves no other part's draws."""
        return zlib.crc32(f"{self.config.seed}/{kind}/{label}".encode())

    def train(self, phase: str, part: Part, sizes: Sizes, rows: TrainingRows, *, like: str | None = None) -> None:
        """Train the part; `like` names the phase whose best epoch count is run again (the refit)."""
        if self._load_finished(phase, part, sizes, rows):
            return
        if like is None and epochs_told(part) and (lacks := self.warm.lacks(part.key, part.module)):
            # A part without epochs is fitted in closed form: it has no start that could be missing.
            self.listener.message(f"warm start: {lacks}")
        fitting = self._fitting(
            part,
            sizes,
            rows,
            checkpoint=self.work_folder.checkpoint(phase, part.key),
            fixed_epochs=self.trained[like, part.key].best_epoch or None if like else None,
            # An apprentice that began with weights which know the hidden rows would score them as known.
            warm_started=phase != APPRENTICE and self.warm.load(phase, part.key, part.module),
            chosen_state=self._chosen_state(phase, part, like),
        )
        self.listener.training(phase, part.kind, part.label, epochs_told(part))
        given = run_trainer(part, fitting)
        self.trained[phase, part.key] = Trained(part, fitting.curves, fitting.best_epoch)
        notes = {"curves": fitting.curves, "best_epoch": fitting.best_epoch, "given": given}
        self.work_folder.finish(phase, part.key, part.module, notes)

    def _load_finished(self, phase: str, part: Part, sizes: Sizes, rows: TrainingRows) -> bool:
        """Load the part where a fit that was stopped had finished it in this phase; False where none had."""
        finished = self.work_folder.finished(phase, part.key, part.module)
        if finished is None:
            return False
        self.item_readers.add(part.key)
        if (phase, part.key) not in self.trained:
            asked = self._fitting(part, sizes, rows, checkpoint=Checkpoint(None))
            check_loaded(part, asked, finished.get("given"))
            self.listener.message(f"{part.key}: trained before this fit was stopped, loaded")
        self.trained[phase, part.key] = Trained(part, finished["curves"], finished["best_epoch"])
        return True

    def prepare(self, part: Part, sizes: Sizes, histories: Histories) -> None:
        """Fill in what a portable ranker knows of the items from these rows."""
        prepare = getattr(part.record, "prepare", None)
        if prepare is not None:
            fitting = self._fitting(part, sizes, TrainingRows(histories=histories), checkpoint=Checkpoint(None))
            with _naming(part, "prepare", "prepare(module, fitting)", prepare), seeded(fitting.seed):
                _check_ran(part, "prepare", prepare(part.module, fitting))

    def _fitting(self, part: Part, sizes: Sizes, rows: TrainingRows, **more: Any) -> Fitting:
        """more: fields of Fitting that depend on the phase."""
        fitting = Watched(
            part=part,
            sizes=sizes,
            histories=rows.histories,
            validation=rows.validation,
            catalog=self.catalog,
            seed=self.seed_of(part.kind, part.label),
            device=self.device,
            features_of=rows.features_of,
            notify=self.notify,
            item_features=self.item_features,
            half_lives=self.half_lives.days(rows.histories),
            candidate_rows=rows.candidates,
            validate=rows.validate,
            **more,
        )
        fitting.readers = self.item_readers
        return fitting

    def _chosen_state(self, phase: str, part: Part, like: str | None) -> Mapping[str, Tensor] | None:
        """The state that a refit may go on from, or None.

        None for apprentices and in a pipeline with a ranker: other rows are hidden for the ranker in each phase, and a
        part that has seen them would score them as known.
        """
        config = self.config
        if like is None or phase == APPRENTICE or config.training.refit_by == "anew" or config.pipeline.ranker:
            return None
        return self.trained[like, part.key].part.module.state_dict()

    def _other_face(self, label: str, name: str, record: PartRecord) -> list[Mapping[str, Any]]:
        """The generator table of the same label, where generator and extractor are one module."""
        if not any(label_and_name(text) == (label, name) for text in self.config.pipeline.generators):
            return []
        same = self.records.get("generator", name).shares_module(record)
        return [part_table(self.config, "generator", label)] if same else []


def run_trainer(part: Part, fitting: Fitting) -> Tensor | None:
    """Run the part's trainer, or the shared loop, and look at what came of it; what `probe` was given."""
    trainer = part.record.trainer or train_by_epochs
    check_dense(part)
    before = checksums(fitting)
    with _naming(part, "training", "trainer(module, fitting)", trainer), seeded(fitting.seed):
        _check_ran(part, "trainer", trainer(part.module, fitting))
        fitting.leave()
    changed = [name for name, value in checksums(fitting).items() if value != before[name]]
    if changed:
        raise PluginError(
            f"{part.name}: its trainer changes {' and '.join(changed)} in place, which other parts learn from after "
            "it; the contract wants the rows left as they are: copy first (torch.from_numpy shares the array's memory)"
        )
    part.module.eval()
    with _naming(part, "its state after training", "dense tensors in state_dict()"):
        check_state(part)
    return probe(part, fitting)


def _check_ran(part: Part, field: str, returned: object) -> None:
    """Raises PluginError for a function that was called and did nothing."""
    if not inspect.isgenerator(returned) and not inspect.iscoroutine(returned):
        return
    returned.close()
    word = "a yield in it" if inspect.isgenerator(returned) else "async before it"
    raise PluginError(
        f"{part.name}: its {field} has {word}, so that nothing of it was run"
        f"{defined_at(getattr(part.record, field), part.record)}; the contract wants {field}(module, fitting) to do "
        "its work and return"
    )


@contextmanager
def _naming(part: Part, what: str, wanted: str, code: object = None) -> Iterator[None]:
    """Whatever goes wrong inside names the plugin, the stage and what the contract wanted; code is what runs."""
    try:
        with warnings.catch_warnings():
            # Torch's own words on sparse tensors, which closed forms are full of.
            warnings.filterwarnings("ignore", message="Sparse (CSR tensor support|invariant checks)")
            yield
    except PluginError as error:
        part.blamed(error)
    except SelfrecError as error:
        raise PluginError(f"{part.name}: {what} failed: {one_line(error)}") from error
    except (Exception, SystemExit) as error:
        short = lack_of_memory(error, part.options, part.key)
        if short is not None:
            raise PluginError(f"{part.name}: {what} {short}") from error
        missing = missing_package(error)
        if missing is not None:
            raise PluginError(f"{part.name}: {what} {missing}{line_of(error, part.record, code)}") from error
        raise PluginError(
            f"{part.name}: {what} failed: {type(error).__name__}: {one_line(error)}"
            f"{line_of(error, part.record, code)}; the contract wants {wanted} to run to its end: "
            "--verbose shows the traceback"
        ) from error
