"""From parts of the split to histories and holdouts. Users stand in the order of their ids."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from selfrec.histories import Float32, Histories, Holdout, Int64
from selfrec.settings.tables import Config
from selfrec.source.cleaning import Cleaned
from selfrec.source.event_reading import events_of
from selfrec.source.folding import Decay, Events, Float64, Folded, days_before, fold, joined
from selfrec.source.k_core import parts_sql
from selfrec.source.rules import RuleCount
from selfrec.source.session import reading
from selfrec.source.session_tables import FIT_CATALOG, FIT_CORE, FIT_SPLIT
from selfrec.source.splits import Split, SplitPart
from selfrec.words import plural

_BLOCK_EVENTS = 5_000_000
"""About so many events are folded at a time."""


@dataclass(frozen=True)
class PartReader:
    """Reads parts of FIT_SPLIT, mapped to FIT_CATALOG."""

    cleaned: Cleaned
    config: Config
    n_items: int
    """N."""
    user_columns: Float32 | None = None
    """float32[users, U] of every user of FIT_USERS."""

    def training(self, parts: Sequence[SplitPart], *, core_only: bool) -> tuple[Histories, int]:
        """Histories of these parts, and how many slots max_history cut. core_only: users of FIT_CORE only."""
        users = f" AND u IN (SELECT u FROM {FIT_CORE})" if core_only else ""
        where = f"strength > 0 AND part IN {parts_sql(parts)}{users}"
        sql = f"SELECT u AS code, number, ticks, strength FROM {FIT_SPLIT} JOIN {FIT_CATALOG} USING (i) WHERE {where}"
        [(newest,)] = self._run(f"SELECT max(ticks) FROM ({sql})")
        moment = self._epochs(np.array([newest or 0]))[0]
        folded = self._fold(sql, self.n_items, float(moment))
        histories = self._histories(folded, np.flatnonzero(np.diff(folded.offsets) > 0), float(moment))
        cut = histories.newest(self.config.cleaning.max_history)
        return cut, len(histories.items) - len(cut.items)

    def holdout(self, split: Split, hidden: SplitPart) -> tuple[Holdout, RuleCount]:
        """The users with hidden items, what is shown of them and what is hidden, and the line about it."""
        shown = parts_sql(split.inputs(hidden))
        targets = self._targets(hidden, shown)
        inputs_sql = (
            f"SELECT u AS code, number, ticks, strength FROM {FIT_SPLIT} JOIN {FIT_CATALOG} USING (i) "
            f"WHERE part IN {shown} AND u IN (SELECT u FROM {FIT_SPLIT} WHERE strength > 0 AND part = {int(hidden)})"
        )
        moments = self._moments(split, hidden, targets, inputs_sql)
        inputs = self._fold(inputs_sql, self.n_items, moments)
        warm = np.bincount(inputs.rows[inputs.weights > 0], minlength=self.cleaned.users) > 0
        wanted = np.diff(targets.offsets) > 0
        rows = np.flatnonzero(warm & wanted)
        holdout = self._assemble(inputs, targets, rows, moments)
        return holdout, self._line(hidden, shown, holdout, int((wanted & ~warm).sum()))

    def _targets(self, hidden: SplitPart, shown: str) -> Folded:
        """Hidden pairs that are in no shown part; items outside the catalog carry numbers from N on."""
        return self._fold(
            f"SELECT u AS code, coalesce(number, {self.n_items} + i)::INTEGER AS number, ticks, strength "
            f"FROM (FROM {FIT_SPLIT} WHERE strength > 0 AND part = {int(hidden)}) AS hidden "
            f"ANTI JOIN (SELECT u, i FROM {FIT_SPLIT} WHERE part IN {shown}) AS shown USING (u, i) "
            f"LEFT JOIN {FIT_CATALOG} USING (i)",
            self.n_items + self.cleaned.items,
            None,
        )

    def _moments(self, split: Split, hidden: SplitPart, targets: Folded, inputs_sql: str) -> Float64:
        """float64[users] epoch seconds from which a user's inputs are looked back upon: the cut of a temporal split,
        else the first hidden event, or the newest shown one where that is later (random kinds of split).
        """
        if hidden in split.cuts:
            return self._epochs(np.full(self.cleaned.users, split.cuts[hidden], dtype=np.int64))
        newest = np.zeros(self.cleaned.users, dtype=np.int64)
        with reading(self.cleaned.source.name):
            shown = self._arrow(f"SELECT code, max(ticks) AS ticks FROM ({inputs_sql}) GROUP BY code")
        newest[shown.column("code").to_numpy()] = shown.column("ticks").to_numpy()
        first = np.full(self.cleaned.users, np.iinfo(np.int64).max)
        known = targets.ticks > 0
        np.minimum.at(first, targets.rows[known], targets.ticks[known])
        first[first == np.iinfo(np.int64).max] = 0
        return self._epochs(np.maximum(first, newest))

    def _assemble(self, inputs: Folded, targets: Folded, rows: Int64, moments: Float64) -> Holdout:
        limit = self.config.cleaning.max_history
        everything = self._histories(inputs, rows, moments)
        preferred = everything.weights > 0
        from_end = everything.offsets[1:][everything.row_numbers] - np.arange(len(everything.items))
        kept = preferred & (from_end <= limit)
        also = None if kept.all() else _unweighted(everything.keep(~kept))
        hidden = self._histories(targets, rows, moments)
        return Holdout(
            everything.keep(kept),
            Histories(
                n_items=self.n_items,
                offsets=hidden.offsets,
                items=np.minimum(hidden.items, self.n_items).astype(np.int32),
                weights=hidden.weights,
                ages=np.zeros(len(hidden.items), dtype=np.float32),
            ),
            also,
        )

    def _line(self, hidden: SplitPart, shown: str, holdout: Holdout, cold: int) -> RuleCount:
        """rows_before: hidden pairs; rows_dropped: those that are not asked for."""
        [(pairs,)] = self._run(
            f"SELECT count(*) FROM (SELECT DISTINCT u, i FROM {FIT_SPLIT} WHERE strength > 0 AND part = {int(hidden)})"
        )
        outside = int((holdout.targets.items == self.n_items).sum())
        notes = [plural(len(holdout), "user")]
        asked = len(holdout.targets.items)
        if cold:
            notes.append(f"{plural(cold, 'user')} without a shown item of the catalog left out")
        if outside:
            notes.append(f"{plural(outside, 'row')} outside the catalog count as misses")
        name = "validation" if hidden is SplitPart.VALIDATION else "test"
        [(repeats,)] = self._run(
            f"SELECT count(*) FROM (SELECT DISTINCT u, i FROM {FIT_SPLIT} WHERE strength > 0 AND part = {int(hidden)}) "
            f"SEMI JOIN (SELECT u, i FROM {FIT_SPLIT} WHERE part IN {shown}) AS shown USING (u, i)"
        )
        if repeats:
            notes.append(f"{plural(repeats, 'row')} shown as well left out")
        return RuleCount(rule=f"{name} part", rows_before=pairs, rows_dropped=pairs - asked, note=", ".join(notes))

    def _fold(self, sql: str, n_items: int, moment: float | Float64 | None) -> Folded:
        """Fold the events of a SELECT of code, number, ticks, strength, some users at a time. No moment: no decay."""
        [(events,)] = self._run(f"SELECT count(*) FROM ({sql})")
        users = self.cleaned.users
        blocks = max(1, -(-int(events) // _BLOCK_EVENTS))
        edges = np.linspace(0, users, blocks + 1).astype(np.int64)
        parts = []
        for low, high in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True):
            with reading(self.cleaned.source.name):
                table = self._arrow(
                    f"SELECT (code - {low})::INTEGER AS code, * EXCLUDE (code) FROM ({sql}) "
                    f"WHERE code >= {low} AND code < {high}"
                )
            block = moment[low:high] if isinstance(moment, np.ndarray) else moment
            parts.append(
                fold(self._events(table), high - low, max(n_items, 1), self.config.cleaning.fold, self._decay(block))
            )
        return joined(parts)

    def _events(self, table: pa.Table) -> Events:
        dropped = [] if self.cleaned.weighting.clock is not None else ["ticks"]
        if self.cleaned.weighting.uniform:
            dropped.append("strength")
        return events_of(table.drop_columns(dropped) if dropped else table)

    def _decay(self, moment: float | Float64 | None) -> Decay | None:
        half_life, clock = self.config.cleaning.half_life_days, self.cleaned.weighting.clock
        if half_life is None or clock is None or moment is None:
            return None
        return Decay(half_life, clock, moment)

    def _epochs(self, ticks: Int64) -> Float64:
        clock = self.cleaned.weighting.clock
        return np.zeros(len(ticks)) if clock is None else clock.epochs(ticks)

    def _histories(self, folded: Folded, rows: Int64, moment: float | Float64) -> Histories:
        """The slots of these users as histories, seen-only slots (weight 0) among them."""
        days = days_before(moment, self._epochs(folded.ticks), folded.rows)
        histories = Histories(
            n_items=self.n_items,
            offsets=folded.offsets,
            items=folded.items,
            weights=folded.weights,
            ages=np.where(folded.ticks > 0, days, 0.0).astype(np.float32),
            user_features=self.user_columns,
        )
        return histories.take(rows)

    def _run(self, sql: str) -> list[tuple[int, ...]]:
        with reading(self.cleaned.source.name):
            rows: list[tuple[int, ...]] = self.cleaned.source.connection.execute(sql).fetchall()
        return rows

    def _arrow(self, sql: str) -> pa.Table:
        return self.cleaned.source.connection.sql(sql).to_arrow_table()


def _unweighted(histories: Histories) -> Histories:
    """The same slots with weight 1 and age 0."""
    slots = len(histories.items)
    ones: Float32 = np.ones(slots, dtype=np.float32)
    return Histories(
        n_items=histories.n_items,
        offsets=histories.offsets,
        items=histories.items,
        weights=ones,
        ages=np.zeros(slots, dtype=np.float32),
    )
