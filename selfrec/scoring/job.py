"""The scoring job: a source's users, shard by shard, through the graph into a target."""

from __future__ import annotations

import json
import time
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from selfrec.cores import available_cores
from selfrec.errors import EmptyDataError, TargetError, one_line
from selfrec.model_folder.reading import Model
from selfrec.scoring.bias import item_bias
from selfrec.scoring.changes import Changes, find_changes, settings_of
from selfrec.scoring.companion import Companion, Earlier
from selfrec.scoring.kernel import Scorer
from selfrec.scoring.notes import column_notes, short_lists_note, strays_note, user_columns_note
from selfrec.scoring.request import EVERYBODY, ScoringRequest
from selfrec.scoring.shards import ShardRun, ShardWork, identity_of
from selfrec.scoring.staging import CHANGES, SPILL, Staging
from selfrec.scoring.summary import Progress, RunRow, RunSummary, Tell, peak_memory
from selfrec.scoring.targets import Target
from selfrec.scoring.user_columns import user_table_of
from selfrec.settings.tables import ScoringSettings, SourceSettings
from selfrec.side_columns import SideTable
from selfrec.source.fingerprints import Compared
from selfrec.source.open import Source, open_source
from selfrec.source.reading import HistoryReader
from selfrec.words import all_of, plural


def score_table(
    model: Model,
    source_path: str,
    target: Target,
    settings: ScoringSettings,
    request: ScoringRequest = EVERYBODY,
    *,
    progress: Progress | None = None,
    tell: Tell | None = None,
) -> RunSummary:
    """Score every user of a source, or those that the request names, and put the lists in the target.

    Until the end, and when anything fails, the target holds the old result.

    Raises SettingsError, SourceError, ColumnError, EmptyDataError, ModelError, TargetError.
    """
    started = time.monotonic()
    source = model.config.source if request.source is None else request.source
    target.check(source_path=source_path, source_table=source.table)
    job = _Job(model, target, settings, request, source, user_table_of(model, request.user_features))
    with Staging(target.staging, target.name, wait=request.wait) as staging:
        earlier = target.earlier(staging.folder / CHANGES) if request.changed_only else None
        # The source is closed before the target opens: a table may go into the very file the source is in.
        with job.open_source(source_path) as opened:
            begun = job.begin(opened, staging, earlier)
            staging.begin(begun.work.identity, job.options(), resume=request.resume)
            notes = job.notes(opened, staging, begun)
            _tell_begin(tell, begun, notes)
            run = ShardRun(begun.work, staging, progress, tell)
            _write_shards(run, target)
            changed = opened.changed_file()
            late = job.late_notes(run, begun) + _change_notes(changed)
        row = _run_row(run, job, _source_name(source_path, opened, source), begun.compared, started)
        parts = staging.complete(begun.work.reader.shards)
        published = target.publish(parts, begun.work.types, row, _companion(begun.changes, changed))
        staging.finish()
    if tell is not None:
        tell("written", target=target.name, rows=published.rows)
        for note in late + published.notes:
            tell("warning", text=note)
    return _summary(run, target, begun, published.rows, time.monotonic() - started, notes + late + published.notes)


class _Begun(NamedTuple):
    """What a job knows once its source is open."""

    work: ShardWork
    compared: Compared
    changes: Changes | None
    unknown: dict[str, int]
    """Ids of each list that are not in the catalog."""
    items_left: int
    """Items that no list forbids."""


@dataclass(frozen=True)
class _Job:
    """What is asked for."""

    model: Model
    target: Target
    settings: ScoringSettings
    request: ScoringRequest
    source: SourceSettings
    user_table: SideTable | None

    def options(self) -> dict[str, Any]:
        """What the table of runs tells of the job; also what --resume goes by."""
        request, settings = self.request, self.settings
        options = {"k": settings.k, "repeats": settings.repeats, "users": request.users, **request.rules._asdict()}
        options |= {} if self.user_table is None else {"user_features": self.user_table.place}
        return options | {"changed_only": request.changed_only}

    def open_source(self, path: str) -> AbstractContextManager[Source]:
        """The source, in the job's memory and on its threads."""
        return open_source(
            path,
            self.source,
            memory_megabytes=self.settings.memory_megabytes,
            threads=self.settings.threads or available_cores(),
            temp_directory=str(self.target.staging / SPILL),
            wait=self.request.wait,
        )

    def begin(self, opened: Source, staging: Staging, earlier: Earlier | str | None) -> _Begun:
        """Raises EmptyDataError where there are no users."""
        model, settings, id_form = self.model, self.settings, self.target.id_form
        bias, unknown = item_bias(self.request.rules, model.catalog, opened)
        scorer = Scorer(model, settings, item_bias=bias)
        config = model.config.model_copy(update={"source": self.source, "scoring": settings})
        types = (opened.user_type, model.manifest.columns.item_type)
        changes, users = None, self.request.users
        if earlier is not None:
            every_list = settings_of(model, config, opened, bias, types, id_form)
            changes = find_changes(model, config, opened, users, earlier, staging.folder / CHANGES, every_list)
            users = changes.users
        reader = HistoryReader(opened, config, model.catalog, users=users, user_table=self.user_table)
        if not reader.users and changes is None:
            raise EmptyDataError(f"{self.request.users or opened.name}: no users to score; the result stays as it was")
        identity = identity_of(model, settings, bias, types, reader.shards, id_form)
        compared = changes.compared if changes else Compared(reader.users, reader.users, kept=0, removed=0)
        work = ShardWork(model=model, scorer=scorer, reader=reader, types=types, id_form=id_form, identity=identity)
        return _Begun(work, compared, changes, unknown, int((bias > -np.inf).sum()))

    def notes(self, opened: Source, staging: Staging, begun: _Begun) -> tuple[str, ...]:
        """What a person must know of the job before it scores, one line each."""
        told = (
            *column_notes(self.model, opened),
            strays_note(self.model, opened),
            self._denied_note(begun),
            staging.note,
            begun.changes and begun.changes.note,
            user_columns_note(begun.work.reader, self.user_table),
            begun.work.reader.strange_levels,
        )
        return tuple(note for note in told if note)

    def _denied_note(self, begun: _Begun) -> str | None:
        """That nothing is left to recommend: what was asked for, or a mistake in what makes the list."""
        if begun.items_left:
            return None
        catalog = plural(self.model.n_items, "item")
        return f"--deny {self.request.deny}: holds the whole catalog ({catalog}), so the result is empty"

    def late_notes(self, run: ShardRun, begun: _Begun) -> tuple[str, ...]:
        """What shows only once everybody is scored: that users get fewer items than were asked for, or none at all, and
        that everybody is cold, as when ids are written in another way than in the fit.
        """
        if not run.rows and begun.items_left and not begun.compared.kept:
            return (
                f"nobody gets an item, for each user has {all_of(begun.items_left, 'item')} that may be "
                "recommended in the source already; --repeats lets them be recommended again",
            )
        told = (self._short_note(run, begun), self._cold_note(run, begun))
        return tuple(note for note in told if note)

    def _short_note(self, run: ShardRun, begun: _Begun) -> str | None:
        if not begun.items_left:
            return None
        return short_lists_note(
            run.short_lists,
            begun.compared,
            self.settings,
            self.request.rules,
            left=begun.items_left,
            catalog=self.model.n_items,
        )

    def _cold_note(self, run: ShardRun, begun: _Begun) -> str | None:
        if self.request.users is not None or run.cold_users < max(1, begun.compared.users):
            return None
        known = self.model.catalog.item_ids[0].as_py()
        return (
            "no user has a history in the catalog, so everybody gets the most popular items; check that the item "
            f"column has ids such as {known!r}, and that events are called as in the fit"
        )


def _change_notes(changed: str | None) -> tuple[str, ...]:
    """changed: a file of the source that is not as it was when the source was opened."""
    if changed is None:
        return ()
    return (f"{changed}: changed while it was read, so that lists may be of several states; run it again",)


def _companion(changes: Changes | None, changed: str | None) -> Companion | None:
    """What goes with the result, if anything does."""
    if changes is None:
        return None
    return changes.companion if changed is None else changes.companion.of_no_state()


def _run_row(run: ShardRun, job: _Job, source: str, compared: Compared, began: float) -> RunRow:
    """The run table's line; began: when the job began, time.monotonic()."""
    return RunRow(
        run_id=run.staging.run_id,
        model_sha256=job.model.sha256,
        source=source,
        options=json.dumps(job.options(), sort_keys=True),
        started=run.staging.started,
        users=compared.users,
        rows=run.rows,
        users_per_second=(compared.scored - run.resumed_users) / (time.monotonic() - began),
        peak_memory=peak_memory(),
        scored=compared.scored,
        kept=compared.kept,
        removed=compared.removed,
    )


def _tell_begin(tell: Tell | None, begun: _Begun, notes: tuple[str, ...]) -> None:
    if tell is None:
        return
    tell("users", **begun.compared._asdict(), shards=begun.work.reader.shards)
    for note in notes:
        tell("warning", text=note)
    for name, count in begun.unknown.items():
        if count:
            tell("warning", text=f"--{name}: {plural(count, 'id')} not in the catalog")


def _summary(
    run: ShardRun,
    target: Target,
    begun: _Begun,
    rows: int,
    seconds: float,
    notes: tuple[str, ...],
) -> RunSummary:
    return RunSummary(
        run_id=run.staging.run_id,
        target=target.name,
        **begun.compared._asdict(),
        rows=rows,
        cold_users=run.cold_users,
        shards=run.reader.shards,
        resumed_shards=run.resumed_shards,
        resumed_users=run.resumed_users,
        seconds=seconds,
        peak_memory=peak_memory(),
        unknown_items=begun.unknown,
        notes=notes,
    )


def _write_shards(run: ShardRun, target: Target) -> None:
    try:
        run.score()
    except OSError as error:
        raise TargetError(
            f"{target.name}: a part of the result cannot be written ({one_line(error)}); the old result stands; "
            "make room and run again with --resume"
        ) from error


def _source_name(path: str, opened: Source, settings: SourceSettings) -> str:
    """FILE::TABLE or the path or glob of files."""
    return f"{path}::{settings.table}" if opened.tables else path
