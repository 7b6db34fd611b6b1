"""Adam over tables of which a step touches few rows, at the cost of those rows.

Adam moves a row without a gradient all the same, by its decaying moments: with m and v as of step a, at step s by

    c_s r^(s - a) m / (sqrt(v) + eps sqrt(1 - beta2^a)),   r = beta1 / sqrt(beta2),
    c_s = -rate_s sqrt(1 - beta2^s) / (1 - beta1^s)

(eps decays with sqrt(v) here, as it does not in Adam: all that differs). The sum over the steps since a is one number,
the same for all rows touched last in step a, so a row catches up when it is touched next.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from selfrec_autoencoder.contrast import Workspace, row_chunks

EPSILON = 1e-8

WINDOW = 512
"""Steps after which r^steps is nothing: rows touched longer ago have stopped moving."""


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
    spaces: tuple[Workspace, Workspace, Workspace]
    """For the rows that are taken, and their moments."""


@dataclass
class _Taken:
    """Rows of a table that take part in the step at work, and their moments, caught up."""

    table: _Table
    numbers: Tensor
    """int64[M]."""
    values: Tensor
    """float32[M, d], a leaf of the graph."""
    mean: Tensor
    square: Tensor
    """float32[M, d]."""


@dataclass
class _Late:
    """What M rows have to catch up, each float32[M, 1]."""

    way: Tensor
    epsilon: Tensor
    mean_left: Tensor
    square_left: Tensor
    """What is left of the moments."""

    @torch.no_grad()
    def catch_up(self, part: slice, rows: Tensor, mean: Tensor, square: Tensor) -> None:
        """Move some of the rows, float32[n, d] each, as far as the steps since would have moved them."""
        rows.addcmul_(mean.div(square.sqrt().add_(self.epsilon[part])), self.way[part])
        mean.mul_(self.mean_left[part])
        square.mul_(self.square_left[part])


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
        """float32[M, d] the rows int64[M], each at most once, up to date and asking for a gradient.

        A table gives out rows once a step, in memory that it uses again in the next; `step` alone writes to the table.
        """
        table = self._tables[name]
        if any(taken.table is table for taken in self._taken):
            raise ValueError(f"rows of {name!r} were taken already in this step")
        late = self._late(table.step[numbers], table.rows.dtype)
        size = (len(numbers), table.rows.shape[1])
        values, mean, square = (space.matrix(*size, table.rows).detach() for space in table.spaces)
        for part in row_chunks(values):
            some = numbers[part]
            torch.index_select(table.rows, 0, some, out=values[part])
            torch.index_select(table.mean, 0, some, out=mean[part])
            torch.index_select(table.square, 0, some, out=square[part])
            if late is not None:
                late.catch_up(part, values[part], mean[part], square[part])
        self._taken.append(_Taken(table, numbers, values.requires_grad_(), mean, square))
        return values

    @torch.no_grad()
    def step(self, rate: float) -> None:
        """Move the rows that were taken by their gradients, at this learning rate."""
        self.steps += 1
        first, second = self.betas
        pace = -rate * (1 - second**self.steps) ** 0.5 / (1 - first**self.steps)
        epsilon = EPSILON * (1 - second**self.steps) ** 0.5
        with _in_any_order():
            for taken in self._taken:
                self._move(taken, pace, epsilon)
        self._taken.clear()
        self._lengthen(pace)

    def settle(self) -> None:
        """Bring all rows up to date."""
        for table in self._tables.values():
            late = self._late(table.step, table.rows.dtype)
            if late is None:
                continue
            for part in row_chunks(table.rows):
                late.catch_up(part, table.rows[part], table.mean[part], table.square[part])
            table.step[table.step > 0] = self.steps

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
        for part in row_chunks(gradient):
            numbers, g = taken.numbers[part], gradient[part]
            mean = taken.mean[part].lerp_(g, 1 - first)
            square = taken.square[part].mul_(second).addcmul_(g, g, value=1 - second)
            moved = taken.values[part].addcdiv_(mean, square.sqrt().add_(epsilon), value=pace)
            table.rows.index_copy_(0, numbers, moved)
            table.mean.index_copy_(0, numbers, mean)
            table.square.index_copy_(0, numbers, square)
        table.step[taken.numbers] = self.steps

    def _late(self, since: Tensor, kind: torch.dtype) -> _Late | None:
        """What rows as of the steps int64[M] have to catch up; None where it is nothing."""
        first, second = self.betas
        gap = self.steps - since
        # Rows that were never touched have no moments: they stay where they are.
        if not bool(((gap > 0) & (since > 0)).any()):
            return None
        way = self._way.to(since.device)[since] * (since > 0)
        epsilon = EPSILON * (1 - second ** since.clamp_min(1).double()).sqrt()
        factors = (way, epsilon, first ** gap.double(), second ** gap.double())
        return _Late(*(factor.to(kind)[:, None] for factor in factors))

    def _lengthen(self, pace: float) -> None:
        """One step more for the rows that were not in it."""
        first, second = self.betas
        start = max(0, self.steps - WINDOW)
        behind = torch.arange(self.steps - start, 0, -1, dtype=torch.float64)
        self._way[start : self.steps] += pace * (first / second**0.5) ** behind
        self._way = torch.cat([self._way, self._way.new_zeros(1)])


@contextmanager
def _in_any_order() -> Iterator[None]:
    """Copy rows on all threads: they go to different places, so that no order matters, but in deterministic mode torch
    leaves them to one thread.
    """
    strict, warn = torch.are_deterministic_algorithms_enabled(), torch.is_deterministic_algorithms_warn_only_enabled()
    torch.use_deterministic_algorithms(False)
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(strict, warn_only=warn)


def _table(rows: Tensor) -> _Table:
    step = torch.zeros(len(rows), dtype=torch.int64, device=rows.device)
    return _Table(rows, torch.zeros_like(rows), torch.zeros_like(rows), step, (Workspace(), Workspace(), Workspace()))
