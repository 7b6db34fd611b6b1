"""Runs what is not there yet: loads a protocol's rows, fits, measures, and writes one record a run."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from fnmatch import fnmatchcase
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter, process_time
from typing import Any

import selfrec
from benchmarks.offline import records
from benchmarks.offline.baselines import BASELINES, Baseline, Options
from benchmarks.offline.lists import Score, recommend
from benchmarks.offline.measuring import LIST_LENGTH, K, asked, digest_of, figures, timed_lists, validation_ndcg
from benchmarks.offline.protocols import ALL, Protocol
from benchmarks.offline.records import Record, Trial
from selfrec.errors import SelfrecError
from selfrec.evaluation.evaluate import Recommend
from selfrec.histories import Histories
from selfrec.scoring.kernel import Scorer
from selfrec.settings.presets import PRESETS
from selfrec.settings.tables import Config, ScoringSettings
from selfrec.source.dataset import Dataset, load_dataset

_MEASURING = ("benchmarks/offline/measuring.py", "selfrec/evaluation/metrics.py", "selfrec/evaluation/groups.py")
BASELINE_CODE = (
    *_MEASURING,
    *(f"benchmarks/offline/{name}.py" for name in ("baselines", "few_users", "item_item", "lists")),
)
PRESET_CODE = (
    *_MEASURING,
    "plugins",
    *(f"selfrec/{room}" for room in ("export", "fit_job", "graph", "graph_rewrites", "model_folder", "pipeline")),
    *(f"selfrec/scoring/{name}.py" for name in ("batches", "kernel", "running")),
)
"""Code whose change makes a record of a preset stale; options and rows count by what they are."""
_PRESET_NEEDS = ("selfrec", "torch", "onnxruntime", "duckdb", "numpy")


def to_stderr(text: str) -> None:
    """Progress."""
    print(text, file=sys.stderr, flush=True)


def stale(found: Iterable[Record]) -> list[str]:
    """The records that other code made, as PROTOCOL:MODEL seed N; running them again would replace them."""
    code = {"baseline": records.code_digest(BASELINE_CODE), "preset": records.code_digest(PRESET_CODE)}
    return [
        f"{old.protocol}:{old.model} seed {old.seed}" for old in found if old.identity.get("code") != code[old.kind]
    ]


@dataclass(frozen=True)
class Job:
    """A model on a protocol with a seed."""

    protocol: Protocol
    model: Baseline | str
    """A baseline, or the name of a preset."""
    seed: int

    @property
    def name(self) -> str:
        """Of the model."""
        return self.model if isinstance(self.model, str) else self.model.name

    def __str__(self) -> str:
        return f"{self.protocol.name}:{self.name} seed {self.seed}"


@dataclass
class Bench:
    """Where data and records are, and what may be run."""

    data: Path
    out: Path
    protocols: Sequence[Protocol] = ALL
    baselines: Sequence[Baseline] = BASELINES
    presets: Sequence[str] = tuple(PRESETS)
    large: bool = False
    """Fit dense models of more than FULL_ITEMS items too."""
    overrides: tuple[str, ...] = ()
    """Further options of the presets."""
    say: Callable[[str], None] = to_stderr
    _loaded: tuple[tuple[str, int], Dataset, str] | None = field(default=None, repr=False)

    def jobs(self, only: Sequence[str], seeds: Sequence[int]) -> Iterator[Job]:
        """What the patterns PROTOCOL[:MODEL] ask for (all when none), seeds within a protocol together."""
        models: tuple[Baseline | str, ...] = (*self.baselines, *self.presets)
        for protocol in self.protocols:
            for seed in seeds:
                for model in models:
                    job = Job(protocol, model, seed)
                    if not only or any(_matches(pattern, job) for pattern in only):
                        yield job

    def run(self, jobs: Sequence[Job]) -> int:
        """Run the jobs that have no valid record. Returns how many failed."""
        failed = 0
        absent: set[str] = set()
        for job in jobs:
            source = job.protocol.source(self.data)
            if not source.exists():
                if job.protocol.name not in absent:
                    self.say(f"{job.protocol.name}: skipped, {source} is not there (see SELFREC_DATA)")
                absent.add(job.protocol.name)
                continue
            try:
                self._run(job)
            except (SelfrecError, ImportError, ArithmeticError, ValueError, MemoryError) as error:
                failed += 1
                self.say(f"{job}: failed, {type(error).__name__}: {error}")
            gc.collect()
        return failed

    def _run(self, job: Job) -> None:
        dataset, digest = self._dataset(job)
        identity = self._identity(job, dataset, digest)
        key = records.key_of(identity)
        old = records.read(records.path_of(self.out, job.protocol.name, job.name, job.seed))
        valid = old is not None and old.key == key
        reason = None
        if isinstance(job.model, Baseline):
            reason = job.model.too_large(len(dataset.catalog), large=self.large, memory=_memory())
        if old is not None and valid and (old.left_out is None or reason is not None):
            self.say(f"{job}: there")
            return
        twin = self._twin(job, key)
        if twin is not None:
            records.write(self.out, twin.model_copy(update={"seed": job.seed}))
            self.say(f"{job}: the same rows as seed {twin.seed}, and nothing drawn")
            return
        record = Record(
            protocol=job.protocol.name,
            model=job.name,
            title=job.model if isinstance(job.model, str) else job.model.title,
            kind="preset" if isinstance(job.model, str) else "baseline",
            seed=job.seed,
            key=key,
            identity=identity,
            items=len(dataset.catalog),
            training_users=len(dataset.refit),
            training_slots=len(dataset.refit.items),
            left_out=reason,
        )
        if reason is None:
            if isinstance(job.model, str):
                found = self._preset(job, dataset)
            else:
                found = self._baseline(job, job.model, dataset, key)
            record = record.model_copy(update=found)
        records.write(self.out, record)
        self.say(f"{job}: {reason or _line(record, job.protocol)}")

    def _twin(self, job: Job, key: str) -> Record | None:
        """A record of another seed that this one could only repeat."""
        folder = records.path_of(self.out, job.protocol.name, job.name, job.seed).parent
        found = (records.read(path) for path in sorted(folder.glob("seed-*.json")))
        return next((old for old in found if old is not None and old.key == key and old.left_out is None), None)

    def _dataset(self, job: Job) -> tuple[Dataset, str]:
        """The rows of a job, the last ones kept."""
        wanted = (job.protocol.name, job.seed)
        if self._loaded is None or self._loaded[0] != wanted:
            self._loaded = None
            dataset = load_dataset(str(job.protocol.source(self.data)), job.protocol.config(job.seed))
            self._loaded = (wanted, dataset, digest_of(dataset))
        return self._loaded[1], self._loaded[2]

    def _identity(self, job: Job, dataset: Dataset, digest: str) -> dict[str, Any]:
        shared: dict[str, Any] = {"format": records.FORMAT, "data": digest, "model": job.name, "seed": job.seed}
        if isinstance(job.model, str):
            config = self._config(job).model_dump(mode="json")
            return {**shared, "config": config, "code": records.code_digest(PRESET_CODE), **_versions(_PRESET_NEEDS)}
        if not job.model.seeded:
            del shared["seed"]
        search = asdict(job.model.search_of(len(dataset.catalog)))
        return {**shared, "search": search, "code": records.code_digest(BASELINE_CODE), **_versions(job.model.needs)}

    def _config(self, job: Job) -> Config:
        return job.protocol.config(job.seed, preset=job.name, overrides=self.overrides)

    def _preset(self, job: Job, dataset: Dataset) -> dict[str, Any]:
        config = self._config(job)
        with TemporaryDirectory(prefix="selfrec-accuracy-") as folder:
            wall, cpu = perf_counter(), process_time()
            model = selfrec.fit(job.protocol.source(self.data), Path(folder) / "model", config=config)
            fitted = {"fit_seconds": perf_counter() - wall, "fit_cpu_seconds": process_time() - cpu}
            opened = model.folder
            if not opened.catalog.item_ids.equals(dataset.catalog.item_ids):
                raise ValueError("the preset numbers the items unlike the baselines; its options change the catalog")
            settings = ScoringSettings(k=min(LIST_LENGTH, opened.top_k), threads=config.scoring.threads)
            measured = self._measured(Scorer(opened, settings).recommend, dataset)
            stages = [
                {"name": row.name, "exported": row.chosen, **row.metrics}
                for row in opened.manifest.stages
                if row.metrics
            ]
        return {**fitted, **measured, "stages": stages}

    def _baseline(self, job: Job, model: Baseline, dataset: Dataset, key: str) -> dict[str, Any]:
        trials = self._search(job, model, dataset, key)
        options = _first_best(trials) if trials else dict(model.search_of(len(dataset.catalog)).grid[0])
        wall, cpu = perf_counter(), process_time()
        score = model.fit(dataset.refit, options, job.seed)
        fitted = {"fit_seconds": perf_counter() - wall, "fit_cpu_seconds": process_time() - cpu}
        measured = self._measured(_lister(score, LIST_LENGTH), dataset)
        searched = sum(trial.seconds for trial in trials)
        return {"options": options, "trials": trials, "search_seconds": searched, **fitted, **measured}

    def _search(self, job: Job, model: Baseline, dataset: Dataset, key: str) -> list[Trial]:
        """All that was tried on the validation part; nothing where there is no choice."""
        search = model.search_of(len(dataset.catalog))
        trials: list[Trial] = []
        if len(search.grid) == 1 and not search.then:
            return trials
        path = records.trials_path(self.out, job.protocol.name, job.name, job.seed)
        kept = records.read_trials(path, key)
        for options in search.grid:
            trials.append(self._trial(job, model, options, dataset, kept))
            records.write_trials(path, key, trials)
        for over in search.then:
            trials.append(self._trial(job, model, {**_first_best(trials), **over}, dataset, kept))
            records.write_trials(path, key, trials)
        return trials

    def _trial(self, job: Job, model: Baseline, options: Options, dataset: Dataset, kept: Sequence[Trial]) -> Trial:
        for old in kept:
            if old.options == options:
                return old
        start = perf_counter()
        score = model.fit(dataset.train, options, job.seed)
        most = job.protocol.config(job.seed).training.validation_users
        ndcg = validation_ndcg(_lister(score, K), dataset.validation, most)
        seconds = perf_counter() - start
        self.say(f"  {job}: {_options(options)}: ndcg@{K} {ndcg:.4f} on the validation part, {seconds:.1f} s")
        return Trial(options=dict(options), ndcg=ndcg, seconds=seconds)

    def _measured(self, recommender: Recommend, dataset: Dataset) -> dict[str, Any]:
        histories, seen, hidden = asked(dataset.test)
        lists, microseconds = timed_lists(recommender, histories, seen)
        groups, of_lists = figures(lists, histories, hidden, dataset.catalog.popularity)
        return {"microseconds_per_user": microseconds, "groups": groups, "lists": of_lists}


def _lister(score: Score, length: int) -> Recommend:
    def lists(histories: Histories, seen: Histories) -> Any:
        return recommend(score, histories, seen, min(length, histories.n_items))

    return lists


def _first_best(trials: Sequence[Trial]) -> dict[str, Any]:
    """The options with the highest NDCG, the first of equals."""
    return max(trials, key=lambda trial: trial.ndcg).options


def _matches(pattern: str, job: Job) -> bool:
    protocol, _, model = pattern.partition(":")
    return fnmatchcase(job.protocol.name, protocol or "*") and fnmatchcase(job.name, model or "*")


def _versions(names: Sequence[str]) -> dict[str, Any]:
    return {"versions": {name: version(name) for name in names}}


def _options(options: Options) -> str:
    return ", ".join(f"{name} {value}" for name, value in options.items())


def _line(record: Record, protocol: Protocol) -> str:
    metrics = record.groups["all users"].metrics
    shown = ", ".join(f"{name} {metrics[name]:.4f}" for name in protocol.shown if name in metrics)
    return f"{shown}; fit {record.fit_seconds:.1f} s, {record.microseconds_per_user:.0f} us a user"


def _memory() -> int:
    """Bytes that may be used without swapping: what Linux calls available, else all there is."""
    try:
        for line in Path("/proc/meminfo").read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
