"""The operations of a screen (see screened.py), written into a graph one after the other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from selfrec.model_folder.building import node, placeholder, tensor
from selfrec.model_folder.bytes_table import BytesTable
from selfrec.model_folder.wire import Pieces

BLOCK = 32
"""Bounds are searched by the best of so many neighbours first."""
MICROSOFT = "com.microsoft"
"""The domain of onnxruntime's product of bytes with a unit for every column."""
CANDIDATES = "screen_candidates"
"""Input int64[1]: C, how many items are scored exactly; more of them make more users sure."""
PREFIX = "screen_"
"""What all further names begin with, but for SURE."""
SURE = "sure"
"""Output bool[B, 1]: whether a user's list is known to be the graph's."""

_LOWEST = float(np.finfo(np.float32).min)
_TURNING = 4e-5
"""R^T q is off by less than this share of |q| in float32: as much of |Q| is added to A."""

_ADDING = 1e-5
"""Sums of what is added are off by less than this share of it."""


class Added(NamedTuple):
    """What a sparse generator adds to the product."""

    items: str
    """int64[B, S]."""
    values: str
    """float32[B, S]."""


@dataclass(frozen=True)
class Form:
    """How queries are written in bytes: whole numbers from -most to most, as uint8 around `most` + 1."""

    most: int
    candidates: float
    """How many times as many candidates as in the finest form make users sure [measured]."""
    worth: int
    """Factors (N x d) a candidate from which a screen spares more than it costs [measured]."""

    @property
    def zero(self) -> int:
        """What 0 is."""
        return self.most + 1


EIGHT_BITS = Form(most=127, candidates=1.0, worth=90_000)
"""For processors with VNNI: the product takes a third of the time of the one in float32."""
SEVEN_BITS = Form(most=63, candidates=1.5, worth=150_000)
"""For those with AVX2, whose sums of two products are cut off at 16 bits: 127 x 127 twice is below that."""


class Screen:
    """Reads `query` float32[B, d], `factors` float32[columns, d], `bias` float32[columns], the mask's operands, and
    what is added to the product.
    """

    def __init__(
        self,
        table: BytesTable,
        form: Form,
        *,
        query: str,
        factors: str,
        bias: str,
        mask: tuple[str, str],
        added: Added | None = None,
    ) -> None:
        self._form = form
        self._table, self._query, self._factors, self._bias, self._mask = table, query, factors, bias, mask
        self._added = added
        self.fields: list[Pieces] = []
        """Fields of the graph, in an order in which each name is made before it is used."""
        self.tensors: dict[str, npt.NDArray[Any]] = {}
        """Its large constants."""
        self._made = 0
        self._known: dict[str, str] = {}

    def write(self, columns: int, k: int) -> None:
        """All operations, from the query to the outputs items, scores and SURE."""
        query, unit = self._in_bytes()
        bounds = self._bounds(query, unit, columns)
        highest, items = self._highest(bounds)
        worst = self._lists(highest, items, k)
        self._sure(query, unit, highest, worst)

    def _in_bytes(self) -> tuple[str, str]:
        """u and the two columns of the bound, float32[B, d + 2]; a, float32[B, 1]."""
        table, make = self._table, self._make
        turned = make("MatMul", self._query, self._constant("turn", table.turn))
        most = make("ReduceMax", make("Abs", turned), self._axis(1))
        unit = make("Div", make("Max", most, self._real(1e-30)), self._real(self._form.most))
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
        return make("Concat", whole, first, second, axis=1), unit

    def _bounds(self, query: str, unit: str, columns: int) -> str:
        """Upper bounds of the scores in the query's unit, masked, float32[B, columns]."""
        make = self._make
        raised = make("Add", query, self._real(self._form.zero))
        # Past the form's range a bound would be too low; such a user is not sure (see _sure).
        largest = self._form.zero + self._form.most
        shown = make("Cast", make("Clip", raised, self._real(0), self._real(largest)), to=2)
        weights = self._large("whole", self._table.whole)
        units = self._constant("unit", self._table.unit)
        zero = self._constant("zero", np.uint8(self._form.zero))
        bounds = make(
            "MatMulIntegerToFloat", shown, weights, self._real(1), units, zero, "", self._bias, domain=MICROSOFT
        )
        if self._added is not None:
            values = make("Div", self._added.values, unit)
            values = make("Add", values, make("Mul", make("Abs", values), self._real(_ADDING)))
            bounds = make("ScatterElements", bounds, self._added.items, values, axis=1, reduction="add")
        masked = make("ScatterElements", bounds, *self._mask, axis=1)
        return make("Reshape", masked, self._constant("blocks", np.array([0, columns // BLOCK, BLOCK])))

    def _highest(self, bounds: str) -> tuple[str, str]:
        """The C highest bounds float32[B, C] and whose they are, int64[B, C]."""
        make, block = self._make, self._constant("block", np.int64(BLOCK))
        best = make("ReduceMax", bounds, self._axis(2), keepdims=0)
        # Best blocks first: the heap that looks for the best items then soon holds them.
        blocks = make("TopK", best, CANDIDATES, outs=2)
        kept = make("GatherND", bounds, make("Unsqueeze", blocks, self._axis(2)), batch_dims=1)
        places = make(
            "TopK",
            make("Flatten", kept, axis=1),
            CANDIDATES,
            outs=2,
            names=("screen_highest", ""),
            sorted=0,
        )
        start = make("Mul", self._pick(blocks, make("Div", places, block)), block)
        return "screen_highest", make("Add", start, make("Mod", places, block))

    def _lists(self, highest: str, items: str, k: int) -> str:
        """The outputs items and scores; the k-th best score float32[B, 1]."""
        make = self._make
        rows = make("Gather", self._factors, items, axis=0)
        scores = make("MatMul", rows, make("Unsqueeze", self._query, self._axis(2)))
        left = make("Greater", highest, self._real(_LOWEST))
        scores = make("Squeeze", self._with_added(scores, items), self._axis(2))
        scores = make("Where", left, scores, self._real(-np.inf))
        # In the order of their numbers, so that equal scores fall to the lower item number.
        order = make("TopK", items, CANDIDATES, outs=2, largest=0)
        best = make("TopK", self._pick(scores, order), self._count(k), outs=2, names=("scores", ""))
        make(
            "GatherND", self._pick(items, order), make("Unsqueeze", best, self._axis(2)), names=("items",), batch_dims=1
        )
        return make("ReduceMin", "scores", self._axis(1))

    def _with_added(self, scores: str, items: str) -> str:
        """float32[B, C, 1]: the products and what is added to items int64[B, C]."""
        if self._added is None:
            return scores
        make = self._make
        own = make("Unsqueeze", items, self._axis(2))
        same = make("Cast", make("Equal", own, make("Unsqueeze", self._added.items, self._axis(1))), to=1)
        return make("Add", scores, make("MatMul", same, make("Unsqueeze", self._added.values, self._axis(2))))

    def _sure(self, query: str, unit: str, highest: str, worst: str) -> None:
        """Whether nothing that was left out can be in the list: its score is at most that of the lowest bound kept."""
        make, table = self._make, self._table
        lowest = make("ReduceMin", highest, self._axis(1))
        middle = make("MatMul", self._query, self._constant("mean", table.mean[:, None]))
        rounding = make("Mul", make("ReduceL2", self._query, self._axis(1)), self._real(table.rounding))
        if self._added is not None:
            total = make("ReduceSum", make("Abs", self._added.values), self._axis(1))
            rounding = make("Add", rounding, make("Mul", total, self._real(_ADDING)))
        bound = make("Add", make("Add", make("Mul", lowest, unit), middle), rounding)
        whole = make("LessOrEqual", make("ReduceMax", query, self._axis(1)), self._real(self._form.most))
        above = make("And", make("Greater", worst, bound), whole)
        make("Or", above, make("Less", lowest, self._real(_LOWEST)), names=(SURE,))

    def _pick(self, values: str, places: str) -> str:
        """Of each row of a matrix those at these places."""
        return self._make("GatherND", values, self._make("Unsqueeze", places, self._axis(2)), batch_dims=1)

    def _make(
        self,
        op: str,
        *inputs: str,
        names: tuple[str, ...] = (),
        outs: int = 1,
        domain: str = "",
        **attributes: int | str,
    ) -> str:
        """Add an operation; the name of its last output. names: its outputs, where they are to have some."""
        outputs = [f"screen_{self._made + place}" for place in range(outs)]
        outputs = [given or name for given, name in zip(names or outputs, outputs, strict=True)]
        self._made += outs
        self.fields.append(node(op, list(inputs), outputs, domain=domain, **attributes))
        return outputs[-1]

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
