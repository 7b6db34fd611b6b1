"""Golden batches: inputs and the lists that every runtime must give for them, as one JSON file any language reads.

An array is {"type", "shape", "data"}, its values in row-major order; where all values are one, "fill" stands in place
of "data". JSON has no infinity, so -inf is the text "-Infinity", which Number(), float() and parse::<f32>() read. Many
readers hold its numbers as float64, so int64 values are text in an array that has one past 2^53: BigInt() and int()
read it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from selfrec.errors import SourceError, TargetError, one_line
from selfrec.export.agreement import TOLERANCE, difference
from selfrec.files import write_whole

CASES = "cases.json"
EXACT = 2**53
"""The largest whole number up to which JavaScript tells all from each other."""
FORMAT = 1
RULE = (
    "Scores differ by at most tolerance times the largest finite score of the batch (at least 1); -inf stands in the "
    "same slots; items are equal where the neighbouring scores are further apart than twice that."
)

Array: TypeAlias = npt.NDArray[Any]


@dataclass(frozen=True)
class Golden:
    """One batch with its result."""

    name: str
    inputs: Mapping[str, Array]
    items: Array
    """int64 or ids [B, K]."""
    scores: npt.NDArray[np.float32]
    """float32[B, K]."""

    def difference(self, items: Array, scores: npt.NDArray[np.float32]) -> str:
        """What another result of the same batch has different, or ""."""
        return difference(items, scores, self.items, self.scores)


def write_cases(folder: Path, goldens: Sequence[Golden], sha256: str) -> Path:
    """Write cases.json into a folder that may not exist yet. sha256: of the graph the results belong to."""
    content = {
        "format": FORMAT,
        "graph_sha256": sha256,
        "tolerance": TOLERANCE,
        "rule": RULE,
        "cases": [
            {
                "name": golden.name,
                "inputs": {name: to_json(array) for name, array in golden.inputs.items()},
                "outputs": {"items": to_json(golden.items), "scores": to_json(golden.scores)},
            }
            for golden in goldens
        ],
    }
    place = folder / CASES
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_whole(place, json.dumps(content, ensure_ascii=False).encode())
    except OSError as error:
        raise TargetError(f"{place}: cannot be written ({one_line(error)}); choose another folder") from error
    return place


def read_cases(place: Path) -> list[Golden]:
    """The batches of a cases.json. Raises SourceError."""
    try:
        content = json.loads(place.read_bytes())
        return [
            Golden(
                case["name"],
                {name: from_json(array) for name, array in case["inputs"].items()},
                from_json(case["outputs"]["items"]),
                from_json(case["outputs"]["scores"]),
            )
            for case in content["cases"]
        ]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise SourceError(f"{place}: no golden batches of selfrec ({one_line(error)})") from error


def to_json(array: Array) -> dict[str, Any]:
    """An array as JSON can hold it; float32 in its shortest form."""
    kind = "string" if array.dtype.kind in "OU" else str(array.dtype)
    said: dict[str, Any] = {"type": kind, "shape": list(array.shape)}
    values = [_value(value) for value in array.reshape(-1)]
    if array.dtype.kind == "i" and any(abs(value) > EXACT for value in values):
        values = [str(value) for value in values]
    if len(values) > 1 and all(value == values[0] for value in values):
        return said | {"fill": values[0]}
    return said | {"data": values}


def from_json(said: Mapping[str, Any]) -> Array:
    """The array that `to_json` wrote."""
    kind = object if said["type"] == "string" else np.dtype(said["type"])
    shape = tuple(said["shape"])
    values = [said["fill"]] * int(np.prod(shape)) if "fill" in said else said["data"]
    if kind is not object:
        values = [(float if np.dtype(kind).kind == "f" else int)(value) for value in values]
    return np.array(values, dtype=kind).reshape(shape)


def _value(value: Any) -> Any:
    if isinstance(value, np.integer):
        return int(value)
    if isinstance(value, np.floating):
        return float(str(value)) if np.isfinite(value) else {"inf": "Infinity", "-inf": "-Infinity"}.get(str(value))
    return str(value)
