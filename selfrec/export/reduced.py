"""A graph for a part of the catalog: the other items' rows are dropped and the items left numbered anew.

A graph does not say which axes count items, and which stored integers are their numbers. Axes as long as the catalog
are taken for it, and tables of integers; where a layer happens to be as wide, the choice is the first that runs and
gives the lists of the whole graph with the others denied.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from onnx import GraphProto, ModelProto, TensorProto, numpy_helper

from selfrec.errors import ExportError
from selfrec.export.agreement import difference
from selfrec.export.batches import Feeds, edge_batches
from selfrec.export.editing import Array, initializers, replace_initializer, set_size
from selfrec.export.runtimes import Run
from selfrec.export.top_k import in_one_stage
from selfrec.graph.surface import TOP_K, Surface
from selfrec.words import plural

Int64 = npt.NDArray[np.int64]

_MOST_TRIES = 2000
_SMALL = 8
"""Stored integers of up to so many numbers are sizes; longer ones are data."""


@dataclass(frozen=True)
class _Place:
    """An axis of a stored tensor, or (axis None) a stored size, that may count items; or values that number them."""

    tensor: str
    axis: int | None
    numbers: bool = False


def reduce_catalog(
    model: ModelProto, kept: Int64, surface: Surface, whole: Run, open_run: Callable[[ModelProto], Run]
) -> tuple[ModelProto, Surface]:
    """The graph over the items int64[N'] `kept` (ascending numbers of the whole catalog), and its sizes.

    whole: runs the whole graph. open_run: makes a graph runnable. Raises ExportError where the items are fewer than
    a ranker's candidates, or where no choice of axes gives the same lists.
    """
    base = ModelProto()
    base.CopyFrom(model)
    in_one_stage(base.graph)
    beyond = _columns(base.graph, surface.n_items) - surface.n_items
    small = replace(surface, n_items=len(kept), top_k=min(surface.top_k, len(kept)))
    _check_candidates(base.graph, len(kept) + beyond, len(kept))
    places = _places(base.graph, {surface.n_items, surface.n_items + 1, surface.n_items + beyond})
    for chosen in itertools.islice(_choices(places), _MOST_TRIES):
        tried = _cut(base, chosen, kept, surface, small)
        if _same_lists(tried, kept, surface, small, whole, open_run):
            return tried, small
    raise ExportError(
        f"--allow: the axes of the graph that count its {surface.n_items:,} items cannot be told from others; "
        "fit a model on the items you want, or pass --allow to `selfrec score` instead"
    )


def _columns(graph: GraphProto, n_items: int) -> int:
    """How many columns the score matrix has: the items, and what stands beside `item_bias` in one row."""
    stored = initializers(graph)
    for node in graph.node:
        if node.op_type == "Concat" and "item_bias" in node.input:
            others = [stored[name] for name in node.input if name in stored]
            return n_items + sum(int(tensor.dims[0]) for tensor in others)
    return n_items


def _check_candidates(graph: GraphProto, columns: int, left: int) -> None:
    stored = initializers(graph)
    for node in graph.node:
        length = stored.get(node.input[1]) if node.op_type == "TopK" and node.input[1] != TOP_K else None
        candidates = 0 if length is None else int(numpy_helper.to_array(length).reshape(-1)[0])
        if candidates > columns:
            raise ExportError(
                f"--allow leaves {plural(left, 'item')}, and the model's ranker looks at {candidates:,} candidates; "
                f"allow at least {candidates - columns + left:,}, or fit with a smaller pipeline.candidates"
            )


def _places(graph: GraphProto, sizes: set[int]) -> list[_Place]:
    lengths = {node.input[1] for node in graph.node if node.op_type == "TopK"}
    found = []
    for tensor in graph.initializer:
        if tensor.name in lengths:
            continue
        if tensor.data_type == TensorProto.INT64 and int(np.prod(tensor.dims)) <= _SMALL:
            if set(numpy_helper.to_array(tensor).reshape(-1).tolist()) & sizes:
                found.append(_Place(tensor.name, None))
            continue
        axes = [_Place(tensor.name, axis) for axis, dim in enumerate(tensor.dims) if dim in sizes]
        if axes and tensor.data_type == TensorProto.INT64:
            axes.append(_Place(tensor.name, None, numbers=True))
        found += axes
    return found


def _choices(places: list[_Place]) -> Iterator[list[_Place]]:
    """All of them, then all but one, all but two, ..."""
    for left_out in range(len(places)):
        for out in itertools.combinations(places, left_out):
            yield [place for place in places if place not in out]


def _cut(base: ModelProto, chosen: list[_Place], kept: Int64, surface: Surface, small: Surface) -> ModelProto:
    model = ModelProto()
    model.CopyFrom(base)
    graph, stored = model.graph, initializers(model.graph)
    for place in chosen:
        tensor = stored[place.tensor]
        value = numpy_helper.to_array(tensor)
        if place.numbers:
            replace_initializer(tensor, _new_numbers(value, kept, surface.n_items))
        elif place.axis is None:
            replace_initializer(tensor, _smaller_sizes(value, surface.n_items, small.n_items))
        else:
            # What stands after the items, padding, stays.
            rest = np.arange(surface.n_items, value.shape[place.axis])
            replace_initializer(tensor, np.take(value, np.concatenate([kept, rest]), axis=place.axis))
    if TOP_K in stored:
        replace_initializer(stored[TOP_K], np.array([small.top_k], dtype=np.int64))
    set_size(list(graph.input), "item_bias", 0, small.n_items)
    for output in ("items", "scores"):
        set_size(list(graph.output), output, 1, small.top_k)
    return model


def _new_numbers(value: Array, kept: Int64, n_items: int) -> Array:
    """Items that are dropped become padding."""
    numbers: Int64 = np.full(n_items + 1, len(kept), dtype=np.int64)
    numbers[kept] = np.arange(len(kept))
    return np.take(numbers, np.clip(value, 0, n_items))


def _smaller_sizes(value: Array, n_items: int, left: int) -> Array:
    counts_items = (value >= n_items) & (value < np.iinfo(np.int64).max)
    return np.where(counts_items, value - n_items + left, value).astype(value.dtype)


def _same_lists(
    tried: ModelProto, kept: Int64, surface: Surface, small: Surface, whole: Run, open_run: Callable[[ModelProto], Run]
) -> bool:
    """Whether the small graph gives what the whole one gives when all other items are denied."""
    try:
        run = open_run(tried)
        for case in edge_batches(small):
            if not len(case.feeds["history"]):
                continue
            items, scores = run(case.feeds)
            wanted_items, wanted = whole(to_whole(case.feeds, kept, surface.n_items))
            if difference(
                as_kept(items, kept, surface.n_items), scores, wanted_items[:, : small.top_k], wanted[:, : small.top_k]
            ):
                return False
    except Exception:  # A graph cut along wrong axes fails in as many ways as a runtime knows.
        return False
    return True


def to_whole(feeds: Feeds, kept: Int64, n_items: int) -> dict[str, Array]:
    """Inputs of the small graph as inputs of the whole one, all other items denied."""
    numbers = np.append(kept, n_items)
    bias = np.full(n_items, -np.inf, dtype=np.float32)
    bias[kept] = feeds["item_bias"]
    mapped = {name: numbers[feeds[name].astype(np.int64)] for name in ("history", "exclude")}
    return {**feeds, **mapped, "item_bias": bias}


def as_kept(items: Array, kept: Int64, n_items: int) -> Array:
    """int64[B, K] the small graph's item numbers as those of the whole catalog; N where there is none."""
    return np.append(kept, n_items)[np.minimum(items, len(kept))]
