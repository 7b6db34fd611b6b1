"""The scoring job: a source's users, shard by shard, through the graph into a target."""

from __future__ import annotations

import json
import time
from typing import Any

from selfrec.errors import EmptyDataError, TargetError, one_line
from selfrec.model_folder.reading import Model
from selfrec.scoring.bias import ItemRules, item_bias
from selfrec.scoring.changes import Changes, find_changes, settings_of
from selfrec.scoring.kernel import Scorer, available_cores
from selfrec.scoring.shards import ShardRun, identity_of
from selfrec.scoring.side import user_table_of
from selfrec.scoring.staging import CHANGES, SPILL, Staging
from selfrec.scoring.summary import Progress, RunRow, RunSummary, Tell, peak_memory
from selfrec.scoring.targets import Target
from selfrec.settings.tables import ScoringSettings, SourceSettings
from selfrec.side_columns import SideTable
from selfrec.source.fingerprints import Compared
from selfrec.source.open import Source, open_source
from selfrec.source.reading import HistoryReader


def score_table(
    model: Model,
    source_path: str,
    target: Target,
    settings: ScoringSettings,
    *,
    source: SourceSettings | None = None,
    users: str | None = None,
    deny: str | None = None,
    allow: str | None = None,
    boost: str | None = None,
    user_features: str | None = None,
    resume: bool = False,
    changed_only: bool = False,
    wait: float = 0.0,
    progress: Progress | None = None,
    tell: Tell | None = None,
) -> RunSummary:
    """Score every user of a source, or those of `users`, and put the lists in the target.

    source: where the events stand and what their columns are called; as the model was fitted when None.
    users, deny, allow, boost: tables of the source, or files. user_features: where the user columns that the model
    reads stand, `none` where they are unknown; as the model was fitted when None. resume: go on from the finished
    shards of a killed run of the same model and options. changed_only: score the users whose events changed since the
    last such run of the same model and options, and keep the rows of the others; where that cannot be told, everybody
    is scored and the summary says why. wait: seconds to wait for another run that writes the same target, or for a
    source that is open for writing. Until the end, and when anything fails, the target holds the old result.

    Raises SettingsError, SourceError, ColumnError, EmptyDataError, ModelError, TargetError.
    """
    started = time.monotonic()
    source = model.config.source if source is None else source
    target.check(source_path=source_path, source_table=source.table)
    rules = ItemRules(deny, allow, boost)
    user_table = user_table_of(model, user_features)
    options = {"k": settings.k, "repeats": settings.repeats, "users": users, **rules._asdict()}
    options |= {} if user_table is None else {"user_features": user_table.place}
    options["changed_only"] = changed_only
    with Staging(target.staging, wait=wait) as staging:
        earlier = target.earlier(staging.folder / CHANGES) if changed_only else None
        # The source is closed before the target opens: a table may go into the very file the source is in.
        with open_source(
            source_path,
            source,
            memory_megabytes=settings.memory_megabytes,
            threads=settings.threads or available_cores(),
            temp_directory=str(target.staging / SPILL),
            wait=wait,
        ) as opened:
            bias, unknown = item_bias(rules, model.catalog, opened)
            scorer = Scorer(model, settings, item_bias=bias)
            config = model.config.model_copy(update={"source": source, "scoring": settings})
            types = (opened.user_type, model.manifest.columns.item_type)
            changes: Changes | None = None
            if earlier is not None:
                every_list = settings_of(model, config, opened, bias, types, target.id_form)
                changes = find_changes(model, config, opened, users, earlier, staging.folder / CHANGES, every_list)
            reader = HistoryReader(
                opened, config, model.catalog, users=changes.users if changes else users, user_table=user_table
            )
            if not reader.users and changes is None:
                raise EmptyDataError(f"{users or opened.name}: no users to score; the result stays as it was")
            identity = identity_of(model, settings, bias, types, reader.shards, target.id_form)
            staging.begin(identity, options, resume=resume)
            compared = changes.compared if changes else Compared(reader.users, reader.users, kept=0, removed=0)
            told = (staging.note, changes and changes.note, _columns_note(reader, user_table))
            notes = tuple(note for note in told if note)
            _tell_begin(tell, compared, reader.shards, notes, unknown)
            run = ShardRun(model, scorer, reader, staging, types, target.id_form, identity, progress, tell)
            _write_shards(run, target)
        row = _run_row(run, model, _source_name(source_path, opened, source), options, compared, started)
        parts = staging.complete(reader.shards)
        rows = target.publish(parts, types, row, changes.companion if changes else None)
        staging.finish()
    if tell is not None:
        tell("written", target=target.name, rows=rows)
    return _summary(run, target, compared, rows, time.monotonic() - started, unknown, notes)


def _run_row(
    run: ShardRun, model: Model, source: str, options: dict[str, Any], compared: Compared, began: float
) -> RunRow:
    """The run table's line; began: when the job began, time.monotonic()."""
    return RunRow(
        run_id=run.staging.run_id,
        model_sha256=model.sha256,
        source=source,
        options=json.dumps(options, sort_keys=True),
        started=run.staging.started,
        users=compared.users,
        rows=run.rows,
        users_per_second=(compared.scored - run.resumed_users) / (time.monotonic() - began),
        peak_memory=peak_memory(),
        scored=compared.scored,
        kept=compared.kept,
        removed=compared.removed,
    )


def _columns_note(reader: HistoryReader, table: SideTable | None) -> str | None:
    """Whose columns are unknown, where the model reads some."""
    if table is None or reader.users_with_columns is None or reader.users_with_columns == reader.users:
        return None
    return (
        f"{reader.users_with_columns:,} of {reader.users:,} users are in {table.place!r}; the columns of the others "
        "count as unknown"
    )


def _tell_begin(
    tell: Tell | None, compared: Compared, shards: int, notes: tuple[str, ...], unknown: dict[str, int]
) -> None:
    if tell is None:
        return
    tell("users", **compared._asdict(), shards=shards)
    for note in notes:
        tell("warning", text=note)
    for name, count in unknown.items():
        if count:
            tell("warning", text=f"--{name}: {count:,} ids are not in the catalog")


def _summary(
    run: ShardRun,
    target: Target,
    compared: Compared,
    rows: int,
    seconds: float,
    unknown_items: dict[str, int],
    notes: tuple[str, ...],
) -> RunSummary:
    return RunSummary(
        run_id=run.staging.run_id,
        target=target.name,
        **compared._asdict(),
        rows=rows,
        cold_users=run.cold_users,
        shards=run.reader.shards,
        resumed_shards=run.resumed_shards,
        resumed_users=run.resumed_users,
        seconds=seconds,
        peak_memory=peak_memory(),
        unknown_items=unknown_items,
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
