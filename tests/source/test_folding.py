"""Folding events to slots, against hand-checked values and a slow dictionary."""

from __future__ import annotations

import math
from collections import defaultdict

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from selfrec.source import folding
from selfrec.source.folding import Clock, Decay, Events, Folded, fold

DAY = 86_400


def events(rows: list[tuple[int, int, int, float]], *, uniform: bool = False) -> Events:
    """(row, item, tick, weight) each."""
    return Events(
        rows=np.array([row[0] for row in rows], dtype=np.int32),
        items=np.array([row[1] for row in rows], dtype=np.int32),
        ticks=np.array([row[2] for row in rows], dtype=np.int64),
        weights=None if uniform else np.array([row[3] for row in rows], dtype=np.float32),
    )


def slots(folded: Folded) -> list[list[tuple[int, float, int]]]:
    flat = list(zip(folded.items.tolist(), folded.weights.tolist(), folded.ticks.tolist(), strict=True))
    return [flat[start:end] for start, end in zip(folded.offsets[:-1], folded.offsets[1:], strict=True)]


FEW = [(0, 1, 5, 1.0), (0, 1, 9, 1.0), (0, 1, 7, 1.0), (0, 0, 8, 1.0), (2, 3, 0, 1.0), (2, 2, 4, 1.0)]


@pytest.mark.parametrize("uniform", [True, False])
@pytest.mark.parametrize(("how", "weight"), [("log", 2.0), ("sum", 3.0), ("one", 1.0)])
def test_three_events_of_a_pair(uniform: bool, how: folding.Fold, weight: float) -> None:
    folded = fold(events(FEW, uniform=uniform), 3, 4, how)
    # Newest last; user 1 has nothing; an unknown time (tick 0) is the oldest.
    assert slots(folded) == [[(0, 1.0, 8), (1, weight, 9)], [], [(3, 1.0, 0), (2, 1.0, 4)]]
    assert folded.items.dtype == np.int32
    assert folded.weights.dtype == np.float32


def test_single_events_weigh_one_in_every_fold() -> None:
    for how in ("log", "sum", "one"):
        assert fold(events([(0, 0, 1, 1.0)]), 1, 1, how).weights.tolist() == [1.0]


def test_seen_only_slots_come_first_with_weight_zero() -> None:
    rows = [(0, 5, 3, 1.0), (0, 2, 9, 0.0), (0, 7, 1, 2.0), (0, 7, 8, 0.0)]
    # Item 7 keeps the time of its weighted event; item 2 was only seen.
    assert slots(fold(events(rows), 1, 8, "sum")) == [[(2, 0.0, 0), (7, 2.0, 1), (5, 1.0, 3)]]


def test_decay_halves_each_event() -> None:
    clock = Clock(0.0, 1)
    rows = [(0, 0, 1, 4.0), (0, 0, 1 + DAY, 4.0), (0, 1, 1 + 2 * DAY, 4.0), (0, 2, 0, 4.0)]
    decay = Decay(1.0, clock, 2.0 * DAY)
    # 4/4 + 4/2 = 3, the newest 4, an unknown time counts as the oldest.
    assert slots(fold(events(rows), 1, 3, "sum", decay)) == [[(2, 1.0, 0), (0, 3.0, 1 + DAY), (1, 4.0, 1 + 2 * DAY)]]
    assert fold(events(rows), 1, 3, "log", decay).weights[1] == pytest.approx(2.0)
    assert fold(events(rows), 1, 3, "one", decay).weights.tolist() == [0.25, 0.5, 1.0]


def test_decay_from_a_moment_a_user() -> None:
    decay = Decay(1.0, Clock(0.0, 1), np.array([0.0, 1.0 * DAY, 3.0 * DAY]))
    folded = fold(events([(row, 0, 1, 8.0) for row in range(3)]), 3, 1, "sum", decay)
    assert folded.weights.tolist() == [8.0, 4.0, 1.0]


def test_weights_stay_finite_and_above_zero() -> None:
    rows = [(0, 0, 1, 1e30), (0, 0, 1, 1e30), (0, 1, 1, 1e-30)]
    folded = fold(events(rows), 1, 2, "sum", Decay(1e-6, Clock(0.0, 1), 1e12))
    assert (folded.weights > 0).all()
    assert np.isfinite(fold(events(rows), 1, 2, "sum").weights).all()


def test_no_events() -> None:
    folded = fold(events([]), 3, 5, "log")
    assert folded.offsets.tolist() == [0, 0, 0, 0]
    assert fold(events([], uniform=True), 0, 1, "log").offsets.tolist() == [0]


def test_clock_keeps_microseconds() -> None:
    clock = Clock(1_700_000_000.25, 1_000_000)
    ticks = np.array([0, 1, 1 + 2_500_000])
    assert clock.epochs(ticks).tolist() == [1_700_000_000.25, 1_700_000_000.25, 1_700_000_002.75]
    assert clock.ticks(1_700_000_002.75) == 2_500_001


EVENTS = st.lists(
    st.tuples(
        st.integers(0, 4),
        st.integers(0, 5),
        st.one_of(st.integers(0, 6), st.integers(0, 2**60)),
        st.sampled_from([0.0, 0.1, 0.3, 1.0, 7.5, 1e-20, 1e20]),
    ),
    max_size=60,
)


@pytest.mark.filterwarnings("error")
def test_the_shortest_half_life_there_is_gives_no_warning() -> None:
    decay = Decay(5e-324, Clock(0.0, 1), 3.0 * DAY)
    factors = decay.factors(np.zeros(2, dtype=np.int64), np.array([1, 3 * DAY + 1], dtype=np.int64))
    assert factors[0] > 0
    assert factors[1] == 1


@given(rows=EVENTS, how=st.sampled_from(["log", "sum", "one"]), decayed=st.booleans(), data=st.data())
def test_any_order_gives_the_same_bits_and_the_right_values(
    rows: list[tuple[int, int, int, float]], how: folding.Fold, decayed: bool, data: st.DataObject
) -> None:
    clock = Clock(0.0, 1_000_000)
    decay = Decay(3.0, clock, clock.epochs(np.array([2**60]))[0]) if decayed else None
    first = fold(events(rows), 5, 6, how, decay)
    second = fold(events(data.draw(st.permutations(rows))), 5, 6, how, decay)
    for name in ("offsets", "items", "weights", "ticks"):
        assert getattr(first, name).tobytes() == getattr(second, name).tobytes()
    assert_right(first, rows, how, decay)


def assert_right(
    folded: Folded, rows: list[tuple[int, int, int, float]], how: folding.Fold, decay: Decay | None
) -> None:
    pairs: dict[tuple[int, int], list[tuple[int, float]]] = defaultdict(list)
    for row, item, tick, weight in rows:
        pairs[row, item].append((tick if weight > 0 else 0, float(np.float32(weight))))
    for row, found in enumerate(slots(folded)):
        mine = {item: value for (user, item), value in pairs.items() if user == row}
        assert {item for item, _, _ in found} == set(mine)
        assert [(weight > 0, tick, item) for item, weight, tick in found] == sorted(
            (weight > 0, tick, item) for item, weight, tick in found
        )
        for item, weight, tick in found:
            assert tick == max(time for time, _ in mine[item])
            factors = [_factor(time, decay) for time, _ in mine[item]]
            total = math.fsum(w * f for (_, w), f in zip(mine[item], factors, strict=True))
            newest = _factor(tick, decay)
            wanted = {"log": math.log1p(total) / math.log(2), "sum": total, "one": newest}[how]
            wanted = 0.0 if not any(w for _, w in mine[item]) else min(max(wanted, 1e-30), 1e15)
            assert weight == pytest.approx(wanted, rel=1e-5, abs=1e-31)


def _factor(tick: int, decay: Decay | None) -> float:
    if decay is None:
        return 1.0
    assert isinstance(decay.moment, float)
    epoch = decay.clock.epochs(np.array([tick]))[0]
    return float(2.0 ** -min((decay.moment - epoch) / DAY / decay.half_life_days, 300.0))


def test_users_too_many_for_one_key_are_folded_in_halves(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    many = Events(
        rows=rng.integers(0, 64, 500).astype(np.int32),
        items=rng.integers(0, 10, 500).astype(np.int32),
        ticks=rng.integers(0, 2**40, 500),
        weights=rng.choice(np.array([0, 1, 2.5], dtype=np.float32), 500),
    )
    decay = Decay(1.0, Clock(0.0, 1), rng.random(64) * 2**40)
    whole = fold(many, 64, 10, "log", decay)
    monkeypatch.setattr(folding, "_BITS", 15)
    halves = fold(many, 64, 10, "log", decay)
    for name in ("offsets", "items", "weights", "ticks"):
        assert getattr(whole, name).tobytes() == getattr(halves, name).tobytes()
