"""The operations of a screen (see screened.py), written into a graph one after the other.

They are two parts, between which the candidates are chosen (see scoring/candidates.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from selfrec.graph.building import graph_file, node, placeholder, tensor
from selfrec.graph.wire import Pieces
from selfrec.graph_rewrites.bytes_table import BytesTable
from selfrec.graph_rewrites.sparse import Added

BLOCK = 32
"""Bounds, and scores, are searched by the best of so many neighbours first, or of half as many."""
MICROSOFT = "com.microsoft"
"""The domain of onnxruntime's product of bytes with a unit for every column."""
PREFIX = "screen_"
"""What all names of a screen begin with."""

BOUNDS = "screen_bounds"
"""float32[B, blocks x BLOCK]: every item's bound in the user's unit, before what is added and the mask."""
RAISED = "screen_raised"
"""float32[B, S]: what a sparse generator adds to bounds, in the user's unit."""
BEST = "screen_best"
"""float32[B, blocks]: the highest of each block."""
UNIT, MARGIN = "screen_unit", "screen_margin"
"""float32[B, 1]: no item whose bound is b has a score above b x UNIT + MARGIN."""
CHOSEN = "screen_chosen"
"""int64[B, C] the candidates, in the order of their numbers, so that equal scores fall to the lower one."""
ALLOWED = "screen_allowed"
"""bool[B, C]: which of them are not masked."""
EXTRA = "screen_extra"
"""float32[B, C]: what a sparse generator adds to their scores."""

_TURNING = 4e-5
"""R^T q is off by less than this share of |q| in float32: as much of |Q| is added to A."""

_ADDING = 1e-5
"""Sums of what is added are off by less than this share of it."""


def width_of_blocks(columns: int, count: int) -> int:
    """How wide the blocks are in which `count` of so many columns are sought.

    There are columns / width maxima to look through, then count x width columns: the fewest where the square of the
    width is columns / count. Maxima of 8 take three times as long as of 32, those of 16 half as long again [measured].
    """
    return BLOCK // 2 if count * (BLOCK // 2) ** 2 > columns else BLOCK


def best_of_blocks(width: int) -> bytes:
    """A file that takes BOUNDS, or scores, and gives BEST.

    (In one graph with what comes before, the mask would have to be put on a copy.)
    """
    real = np.dtype(np.float32)
    parts = [
        tensor("shape", np.array([0, -1, width])),
        tensor("axis", np.array([2])),
        node("Reshape", [BOUNDS, "shape"], ["blocks"]),
        node("ReduceMax", ["blocks", "axis"], [BEST], keepdims=0),
    ]
    inputs = {BOUNDS: (real, ("batch", "columns"))}
    return graph_file(parts, inputs=inputs, outputs={BEST: (real, ("batch", "blocks"))})


@dataclass(frozen=True)
class Form:
    """How queries are written in bytes: whole numbers from -most to most, as uint8 around `most` + 1."""

    most: int
    candidates: float
    """How many times as many candidates as in the finest form make users sure [measured]."""
    worth: tuple[int, int]
    """Factors (N x d) from which a screen spares more than it costs: so many, and so many a candidate [measured]."""

    @property
    def zero(self) -> int:
        """What 0 is."""
        return self.most + 1


EIGHT_BITS = Form(most=127, candidates=1.0, worth=(1_000_000, 25_000))
"""For processors with VNNI: the product takes a third of the time of the one in float32."""
SEVEN_BITS = Form(most=63, candidates=1.5, worth=(0, 120_000))
"""For those with AVX2, whose sums of two products are cut off at 16 bits: 127 x 127 twice is below that."""


class Screen:
    """Reads `query` float32[B, d], `factors` float32[columns, d], `bias` float32[columns], and what is added to
    the product.
    """

    def __init__(
        self,
        table: BytesTable,
        form: Form,
        *,
        query: str,
        factors: str,
        bias: str,
        added: Added | None = None,
    ) -> None:
        self._form = form
        self._table, self._query, self._factors, self._bias = table, query, factors, bias
        self._added = added
        self.fields: list[Pieces] = []
        """Fields of the graph, in an order in which each name is made before it is used."""
        self.tensors: dict[str, npt.NDArray[Any]] = {}
        """Its large constants."""
        self._made = 0
        self._known: dict[str, str] = {}

    def write(self, k: int) -> None:
        """All operations: from the query to BOUNDS and what goes with them; from CHOSEN to the items and scores."""
        query = self._in_bytes()
        self._bounds(query)
        self._margin(query)
        self._lists(k)

    def _in_bytes(self) -> str:
        """u and the two columns of the bound, float32[B, d + 2]; UNIT, which is a."""
        table, make = self._table, self._make
        turned = make("MatMul", self._query, self._constant("turn", table.turn))
        most = make("ReduceMax", make("Abs", turned), self._axis(1))
        unit = make("Div", make("Max", most, self._real(1e-30)), self._real(self._form.most), name=UNIT)
        scaled = make("Div", turned, unit)
        whole = make("Round", scaled)
        rest = make("Sub", scaled, whole)
        rest_length = make("ReduceL2", rest, self._axis(1))
        length = make("ReduceL2", scaled, self._axis(1))
        along = make("Abs", make("ReduceSum", make("Mul", rest, scaled), self._axis(1)))
        along = make("Div", along, make("Max", length, self._real(1)))
        across = make("Mul", rest_length, self._real(table.cosine))
        rounded = make("Mul", length, self._real(_TURNING))
        first = make("Sum", along, across, rounded)
        second = make("Add", length, make("Div", rest_length, self._real(table.cosine)))
        first = make("Ceil", make("Mul", first, self._real(table.of_rest)))
        second = make("Ceil", make("Mul", second, self._real(table.of_length)))
        return make("Concat", whole, first, second, axis=1)

    def _bounds(self, query: str) -> None:
        """Upper bounds of the scores in the query's unit."""
        make = self._make
        raised = make("Add", query, self._real(self._form.zero))
        # Past the form's range a bound would be too low; such a user is not sure (see _margin).
        largest = self._form.zero + self._form.most
        shown = make("Cast", make("Clip", raised, self._real(0), self._real(largest)), to=2)
        weights = self._large("whole", self._table.whole)
        units = self._constant("unit", self._table.unit)
        zero = self._constant("zero", np.uint8(self._form.zero))
        operands = (shown, weights, self._real(1), units, zero, "", self._bias)
        make("MatMulIntegerToFloat", *operands, domain=MICROSOFT, name=BOUNDS)
        if self._added is not None:
            values = make("Div", self._added.values, UNIT)
            make("Add", values, make("Mul", make("Abs", values), self._real(_ADDING)), name=RAISED)

    def _margin(self, query: str) -> None:
        """What a score may be above its bound; without end where the query is out of range."""
        make, table = self._make, self._table
        middle = make("MatMul", self._query, self._constant("mean", table.mean[:, None]))
        rounding = make("Mul", make("ReduceL2", self._query, self._axis(1)), self._real(table.rounding))
        if self._added is not None:
            total = make("ReduceSum", make("Abs", self._added.values), self._axis(1))
            rounding = make("Add", rounding, make("Mul", total, self._real(_ADDING)))
        whole = make("LessOrEqual", make("ReduceMax", query, self._axis(1)), self._real(self._form.most))
        make("Where", whole, make("Add", middle, rounding), self._real(np.inf), name=MARGIN)

    def _lists(self, k: int) -> None:
        """The outputs items and scores: the k best of the candidates."""
        make = self._make
        rows = make("Gather", self._factors, CHOSEN, axis=0)
        scores = make("MatMul", rows, make("Unsqueeze", self._query, self._axis(2)))
        scores = make("Squeeze", scores, self._axis(2))
        if self._added is not None:
            scores = make("Add", scores, EXTRA)
        scores = make("Where", ALLOWED, scores, self._real(-np.inf))
        best = self._made_up()
        self.fields.append(node("TopK", [scores, self._count(k)], ["scores", best]))
        make("GatherND", CHOSEN, make("Unsqueeze", best, self._axis(2)), name="items", batch_dims=1)

    def _make(self, op: str, *inputs: str, name: str = "", domain: str = "", **attributes: int | str) -> str:
        """Add an operation; the name of its output, where it is not given one."""
        output = name or self._made_up()
        self.fields.append(node(op, list(inputs), [output], domain=domain, **attributes))
        return output

    def _made_up(self) -> str:
        self._made += 1
        return f"{PREFIX}{self._made}"

    def _constant(self, name: str, values: npt.ArrayLike) -> str:
        """The name of a stored tensor, which is written once."""
        if name not in self._known:
            self._known[name] = f"screen_of_{name}"
            self.fields.append(tensor(self._known[name], values))
        return self._known[name]

    def _large(self, name: str, values: npt.NDArray[Any]) -> str:
        self.tensors[f"screen_of_{name}"] = values
        self.fields.append(placeholder(f"screen_of_{name}", values))
        return f"screen_of_{name}"

    def _real(self, value: float) -> str:
        return self._constant(f"real_{value:.9g}", np.float32(value))

    def _count(self, value: int) -> str:
        return self._constant(f"count_{value}", np.array([value]))

    def _axis(self, value: int) -> str:
        return self._count(value)
