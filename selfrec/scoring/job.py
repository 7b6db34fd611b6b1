"""The scoring job: a source's users, shard by shard, through the graph into a target."""

from __future__ import annotations

import json
import time
from contextlib import ExitStack

from selfrec.errors import EmptyDataError, TargetError, one_line
from selfrec.model_folder.reading import Model
from selfrec.scoring.bias import ItemRules, item_bias
from selfrec.scoring.kernel import Scorer, available_cores
from selfrec.scoring.shards import ShardRun, identity_of
from selfrec.scoring.side import user_table_of
from selfrec.scoring.staging import SPILL, Staging
from selfrec.scoring.summary import Progress, RunSummary, peak_memory
from selfrec.scoring.targets import RunRow, Target
from selfrec.settings.tables import ScoringSettings, SourceSettings
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
    progress: Progress | None = None,
) -> RunSummary:
    """Score every user of a source, or those of `users`, and put the lists in the target.

    source: where the events stand and what their columns are called; as the model was fitted when None.
    users, deny, allow, boost: tables of the source, or files. user_features: where the user columns that the model
    reads stand, `none` where they are unknown; as the model was fitted when None. resume: go on from the finished
    shards of a killed run of the same model and options. Until the end, and when anything fails, the target holds the
    old result.

    Raises SettingsError, SourceError, ColumnError, EmptyDataError, ModelError, TargetError.
    """
    started = time.monotonic()
    source = model.config.source if source is None else source
    target.check(source_path=source_path, source_table=source.table)
    rules = ItemRules(deny, allow, boost)
    user_table = user_table_of(model, user_features)
    options = {"k": settings.k, "repeats": settings.repeats, "users": users, **rules._asdict()}
    if user_table is not None:
        options["user_features"] = user_table.place
    with ExitStack() as held:
        staging = held.enter_context(Staging(target.staging))
        # The source is closed before the target opens: a table may go into the very file the source is in.
        with open_source(
            source_path,
            source,
            memory_megabytes=settings.memory_megabytes,
            threads=settings.threads or available_cores(),
            temp_directory=str(target.staging / SPILL),
        ) as opened:
            bias, unknown = item_bias(rules, model.catalog, opened)
            scorer = Scorer(model, settings, item_bias=bias)
            config = model.config.model_copy(update={"source": source, "scoring": settings})
            reader = HistoryReader(opened, config, model.catalog, users=users, user_table=user_table)
            if not reader.users:
                raise EmptyDataError(f"{users or source_path}: no users to score; the result stays as it was")
            types = (opened.user_type, model.manifest.columns.item_type)
            identity = identity_of(model, settings, bias, types, reader.shards, target.id_form)
            staging.begin(identity, options, resume=resume)
            run = ShardRun(model, scorer, reader, staging, types, target.id_form, identity, progress)
            _write_shards(run, target)
        seconds = time.monotonic() - started
        row = RunRow(
            run_id=staging.run_id,
            model_sha256=model.sha256,
            source=_source_name(source_path, opened, source),
            options=json.dumps(options, sort_keys=True),
            started=staging.started,
            users=reader.users,
            rows=run.rows,
            users_per_second=(reader.users - run.resumed_users) / seconds,
            peak_memory=peak_memory(),
        )
        target.publish(staging.complete(reader.shards), types, row)
        staging.finish()
    return _summary(run, target, seconds=time.monotonic() - started, unknown_items=unknown)


def _summary(run: ShardRun, target: Target, *, seconds: float, unknown_items: dict[str, int]) -> RunSummary:
    note = run.staging.note
    return RunSummary(
        run_id=run.staging.run_id,
        target=target.name,
        users=run.reader.users,
        rows=run.rows,
        cold_users=run.cold_users,
        shards=run.reader.shards,
        resumed_shards=run.resumed_shards,
        resumed_users=run.resumed_users,
        seconds=seconds,
        peak_memory=peak_memory(),
        unknown_items=unknown_items,
        notes=() if note is None else (note,),
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
