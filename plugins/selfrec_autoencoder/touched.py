"""Adam over tables of which a step touches few rows, at the cost of those rows.

Adam moves a row without a gradient all the same, by its decaying moments: with m and v as of step a, at step s by

    c_s r^(s - a) m / (sqrt(v) + eps sqrt(1 - beta2^a)),   r = beta1 / sqrt(beta2),
    c_s = -rate_s sqrt(1 - beta2^s) / (1 - beta1^s)

(eps decays with sqrt(v) here, as it does not in Adam: all that differs). The sum over the steps since a is one number,
the same for all rows touched last in step a, so a row catches up when it is touched next.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

EPSILON = 1e-8

WINDOW = 512
"""Steps after which r^steps is nothing: rows touched longer ago have stopped moving."""

CHUNK = 2048
"""Rows worked on at a time, so that the passes over them find them in the cache."""


@dataclass
class _Table:
    """A table with its moments and the step that every row is as of."""

    rows: Tensor
    """float32[N, d]."""
    mean: Tensor
    square: Tensor
    """float32[N, d] first and second moments."""
    step: Tensor
    """int64[N]."""


@dataclass
class _Taken:
    """Rows of a table that take part in the step at work."""

    table: _Table
    numbers: Tensor
    """int64[M]."""
    values: Tensor
    """float32[M, d], a leaf of the graph."""


class TouchedAdam:
    """Give rows out with `take`, and after the backward pass move them with `step`; `settle` before tables are read."""

    def __init__(self, tables: Mapping[str, nn.Parameter], betas: tuple[float, float]) -> None:
        self.betas = betas
        self.steps = 0
        self._tables = {name: _table(parameter.data) for name, parameter in tables.items()}
        self._taken: list[_Taken] = []
        # Of each step a, how far rows that were touched last in it have moved since, over m / sqrt(v).
        self._way = torch.zeros(1, dtype=torch.float64)

    def take(self, name: str, numbers: Tensor) -> Tensor:
        """float32[M, d] the rows int64[M], each at most once, up to date and asking for a gradient."""
        table = self._tables[name]
        for part in _slices(len(numbers)):
            self._catch_up(table, numbers[part])
        values = table.rows.index_select(0, numbers).requires_grad_()
        self._taken.append(_Taken(table, numbers, values))
        return values

    @torch.no_grad()
    def step(self, rate: float) -> None:
        """Move the rows that were taken by their gradients, at this learning rate."""
        self.steps += 1
        first, second = self.betas
        pace = -rate * (1 - second**self.steps) ** 0.5 / (1 - first**self.steps)
        epsilon = EPSILON * (1 - second**self.steps) ** 0.5
        for taken in self._taken:
            self._move(taken, pace, epsilon)
        self._taken.clear()
        self._lengthen(pace)

    def settle(self) -> None:
        """Bring all rows up to date."""
        for table in self._tables.values():
            numbers = torch.arange(len(table.rows), device=table.rows.device)
            for part in _slices(len(numbers)):
                self._catch_up(table, numbers[part])

    def state_dict(self) -> dict[str, Any]:
        """Moments and steps; the rows are the module's to keep."""
        tables = {
            name: {"mean": table.mean, "square": table.square, "step": table.step}
            for name, table in self._tables.items()
        }
        return {"steps": self.steps, "way": self._way, "tables": tables}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from `state_dict`, with the rows as they were then."""
        self.steps, self._way = int(state["steps"]), state["way"].clone()
        for name, table in self._tables.items():
            for key, value in state["tables"][name].items():
                getattr(table, key).copy_(value)

    def _move(self, taken: _Taken, pace: float, epsilon: float) -> None:
        first, second = self.betas
        table, gradient = taken.table, taken.values.grad
        if gradient is None:
            return
        for part in _slices(len(taken.numbers)):
            numbers, g = taken.numbers[part], gradient[part]
            mean = table.mean.index_select(0, numbers).lerp_(g, 1 - first)
            square = table.square.index_select(0, numbers).mul_(second).addcmul_(g, g, value=1 - second)
            moved = taken.values[part].addcdiv(mean, square.sqrt().add_(epsilon), value=pace)
            table.rows.index_copy_(0, numbers, moved)
            table.mean.index_copy_(0, numbers, mean)
            table.square.index_copy_(0, numbers, square)
        table.step[taken.numbers] = self.steps

    @torch.no_grad()
    def _catch_up(self, table: _Table, numbers: Tensor) -> None:
        """Move rows int64[M] as far as the steps since they were touched last would have moved them."""
        since = table.step[numbers]
        behind = (since > 0) & (since < self.steps)
        numbers, since = numbers[behind], since[behind]
        if len(numbers) == 0:
            return
        first, second = self.betas
        gap = (self.steps - since).double()[:, None]
        way = self._way.to(since.device)[since][:, None]
        epsilon = EPSILON * (1 - second ** since.double()[:, None]).sqrt()
        mean, square = table.mean.index_select(0, numbers), table.square.index_select(0, numbers)
        kind = mean.dtype
        moved = table.rows.index_select(0, numbers)
        moved.addcmul_(mean / square.sqrt().add_(epsilon.to(kind)), way.to(kind))
        table.rows.index_copy_(0, numbers, moved)
        table.mean.index_copy_(0, numbers, mean.mul_((first**gap).to(kind)))
        table.square.index_copy_(0, numbers, square.mul_((second**gap).to(kind)))
        table.step[numbers] = self.steps

    def _lengthen(self, pace: float) -> None:
        """One step more for the rows that were not in it."""
        first, second = self.betas
        start = max(0, self.steps - WINDOW)
        behind = torch.arange(self.steps - start, 0, -1, dtype=torch.float64)
        self._way[start : self.steps] += pace * (first / second**0.5) ** behind
        self._way = torch.cat([self._way, self._way.new_zeros(1)])


def _table(rows: Tensor) -> _Table:
    step = torch.zeros(len(rows), dtype=torch.int64, device=rows.device)
    return _Table(rows, torch.zeros_like(rows), torch.zeros_like(rows), step)


def _slices(count: int) -> Iterator[slice]:
    for start in range(0, count, CHUNK):
        yield slice(start, start + CHUNK)
