"""The data set a model is fitted on: catalog, training histories, held-out parts, and what became of every row."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from selfrec.catalog import Catalog
from selfrec.errors import EmptyDataError
from selfrec.histories import Float32, Histories, Holdout
from selfrec.settings.tables import Config, SplitKind
from selfrec.side_columns import SideTable
from selfrec.source.catalog_building import build_catalog, check_items, use_catalog
from selfrec.source.cleaning import Cleaned, clean
from selfrec.source.k_core import fold_and_core
from selfrec.source.open import Source, open_source
from selfrec.source.reading import map_items
from selfrec.source.rules import RuleCount
from selfrec.source.session import reading
from selfrec.source.session_tables import FIT_CATALOG, FIT_CORE, FIT_USERS
from selfrec.source.side_places import NOWHERE, SidePlaces
from selfrec.source.side_tables import Side, StagedTable, by_code, kinds_of, learn, stage, strange_levels, told
from selfrec.source.split_parts import PartReader
from selfrec.source.splits import TRAIN_AND_VALIDATION, Split, SplitPart, check_last_items, split_events


@dataclass(frozen=True, kw_only=True)
class Dataset:
    """All that fitting and measuring need. The same bytes for the same rows, options and seed, whatever the order
    of the rows or the number of threads."""

    catalog: Catalog
    """Items of the rows the final training sees (train and validation, unless training.refit is "all"), most popular
    first. item_id is in the carried type of item_type."""
    train: Histories
    """What the parts are trained on while they are chosen. At least one item a user."""
    validation: Holdout
    """What they are chosen on. Never empty, unless a catalog was handed in."""
    refit: Histories
    """What the final training sees, as training.refit says."""
    test: Holdout
    """What the result is measured on; may be empty."""
    split: SplitKind
    """The kind of split that was used."""
    report: list[RuleCount] = field(default_factory=list)
    fingerprint: dict[str, Any] = field(default_factory=dict)
    """rows, users, items, first, last, content of the source."""
    columns: dict[str, str | None] = field(default_factory=dict)
    """The resolved column mapping."""
    user_type: str
    """SQL type name of the user ids."""
    item_type: str
    """SQL type name of the item ids."""
    user_table: SideTable | None = None
    """How the user columns became the histories' user_features; None where there are none."""
    item_table: SideTable | None = None
    """How the item columns became item_features."""
    item_features: Float32 | None = None
    """float32[N, I] the item columns as numbers; 0 is unknown."""
    notes: tuple[str, ...] = ()
    """Lines on what had to be guessed, and on user columns whose values a model does not know."""


def load_dataset(
    path: str,
    config: Config,
    places: SidePlaces = NOWHERE,
    *,
    threads: int | None = None,
    temp_directory: str | None = None,
    wait: float = 0.0,
) -> Dataset:
    """Read, clean and split a source to fit a model on it.

    threads, temp_directory: DuckDB's. wait: seconds to wait while another process writes to a DuckDB file.

    Rules on single events and on bots come first; then the split; then repeats are folded and the k-core is taken of
    the rows the model learns from. Held-out users need not be in the k-core: whoever has an item of the catalog to be
    shown is asked for.

    Raises SourceError, ColumnError, EmptyDataError (naming the rule that left nothing).
    """
    with open_source(path, config.source, threads=threads, temp_directory=temp_directory, wait=wait) as source:
        if places.items is not None:
            check_items(source, places.items)
        # Side tables are checked before the long work begins.
        users = _staged(source, "user", places.user_features, config.features.user_columns)
        items = _staged(source, "item", places.item_features, config.features.item_columns)
        with reading(source.name):
            cleaned = clean(source, config)
            split = split_events(cleaned, config)
            check_last_items(cleaned, split, config.split)
            fold_and_core(cleaned, _learned_parts(config), config)
        catalog = build_catalog(cleaned, config, places.items)
        user_table, user_columns, item_table, item_features = None, None, None, None
        if users is not None:
            user_table = _learned(users, places.user_features, cleaned, config)
            user_columns = _user_columns(users, user_table, cleaned)
        _tell_unread(cleaned, config, user=places.user_features, item=places.item_features)
        if items is not None:
            item_table = _learned(items, places.item_features, cleaned, config)
            codes = f"(SELECT item_id, number AS code FROM {FIT_CATALOG})"
            item_features = by_code(items, item_table, len(catalog), codes)
        data = _assemble(cleaned, split, config, catalog, user_columns, fixed=False)
        return replace(
            data,
            user_table=user_table,
            item_table=item_table,
            item_features=item_features,
            notes=tuple(source.mapping.guesses),
        )


def load_for_model(
    path: str,
    config: Config,
    catalog: Catalog,
    user_table: SideTable | None = None,
    *,
    threads: int | None = None,
) -> Dataset:
    """Read, clean and split a source as a model's fit did, to measure the model on it.

    Items are numbered as in the model's catalog instead of a new one, so there is no k-core, and a part may be empty.
    user_table: the user columns as the model reads them; None where it reads none. threads: DuckDB's.

    Raises SourceError, ColumnError, EmptyDataError (naming the rule that left nothing).
    """
    with open_source(path, config.source, threads=threads) as source:
        users = None
        if user_table is not None:
            users = stage(source, "user", user_table.place, key=user_table.key, kinds=kinds_of(user_table))
        with reading(source.name):
            cleaned = clean(source, config)
            split = split_events(cleaned, config)
            map_items(source, catalog)
            use_catalog(cleaned)
        notes, user_columns = list(source.mapping.guesses), None
        if users is not None and user_table is not None:
            if strange := strange_levels(users, user_table):
                notes.append(strange)
            user_columns = _user_columns(users, user_table, cleaned)
        data = _assemble(cleaned, split, config, catalog, user_columns, fixed=True)
        return replace(data, user_table=user_table, notes=tuple(notes))


def _staged(source: Source, side: Side, place: str | None, wanted: tuple[str, ...]) -> StagedTable | None:
    return None if place is None else stage(source, side, place, wanted=wanted)


def _learned_parts(config: Config) -> tuple[SplitPart, ...]:
    """The parts whose rows the model may learn from in the end."""
    return tuple(SplitPart) if config.training.refit == "all" else TRAIN_AND_VALIDATION


def _tell_unread(cleaned: Cleaned, config: Config, **places: str | None) -> None:
    """A line where columns are named of a table that was not."""
    for side, place in places.items():
        if place is None and getattr(config.features, f"{side}_columns"):
            cleaned.report.tell(f"{side} features", f"features.{side}_columns does nothing without --{side}-features")


def _learned(staged: StagedTable, place: str | None, cleaned: Cleaned, config: Config) -> SideTable:
    least, most = config.cleaning.min_users_per_item, config.features.max_levels
    table, known = learn(staged, place or "", min_users=least, max_levels=most)
    code = "u" if staged.side == "user" else "i"
    [(of,)] = cleaned.source.connection.execute(f"SELECT count(DISTINCT {code}) FROM {FIT_CORE}").fetchall()
    cleaned.report.tell(f"{staged.side} features", told(staged, table, known, int(of), least))
    return table


def _user_columns(staged: StagedTable, table: SideTable, cleaned: Cleaned) -> Float32:
    """float32[users, U] by the code of FIT_USERS."""
    return by_code(staged, table, cleaned.users, f"(SELECT user_id, u AS code FROM {FIT_USERS})")


def _more_rows(split: Split) -> str:
    """What to do where nothing is left to choose on."""
    if split.kind not in ("leave-last", "random"):
        return "raise split.validation"
    told = "raise split.validation (of a user's two items, 0.5 hides one)"
    if split.kind == "leave-last":
        told += ", or set split.last_items = 1 where users have three: to learn from, to choose on and to test on"
    return told


def _assemble(
    cleaned: Cleaned, split: Split, config: Config, catalog: Catalog, user_columns: Float32 | None, *, fixed: bool
) -> Dataset:
    """Read the parts. `fixed`: the catalog was handed in."""
    source, report = cleaned.source, cleaned.report
    reader = PartReader(cleaned, config, len(catalog), user_columns)
    train, cut = reader.training((SplitPart.TRAIN,), core_only=not fixed)
    if not fixed:
        left = len(train.items) + cut
        report.drop("held out to choose (split.validation)", report.rows - left, hint="lower split.validation")
        report.drop("older than the newest max_history", cut, hint="raise cleaning.max_history")
    refit = train
    if config.training.refit != "none":
        refit, _ = reader.training(_learned_parts(config), core_only=not fixed)
    validation, line = reader.holdout(split, SplitPart.VALIDATION)
    report.lines.append(line)
    if not len(validation) and not fixed:
        raise EmptyDataError(f"{source.name}: the split {split.kind!r} left no validation rows; {_more_rows(split)}")
    test, line = reader.holdout(split, SplitPart.TEST)
    if line.rows_before:
        report.lines.append(line)
    return Dataset(
        catalog=catalog,
        train=train,
        validation=validation,
        refit=refit,
        test=test,
        split=split.kind,
        report=report.lines,
        fingerprint=source.fingerprint(),
        columns=source.columns,
        user_type=source.user_type,
        item_type=source.item_type,
    )
