"""The golden batches of an exported graph. Their lists come from the model's own graph, which `fit` compared with the
module it was made from; so a form is compared with the whole model, not with itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from selfrec.export.batches import Feeds, edge_batches
from selfrec.export.conformance import Golden
from selfrec.export.runtimes import RUNTIMES, Run
from selfrec.graph.surface import Surface
from selfrec.model_folder.manifest import GRAPH
from selfrec.model_folder.reading import Model

if TYPE_CHECKING:
    from selfrec.export.forms import Form

Array = npt.NDArray[Any]


def golden_batches(model: Model, form: Form | None) -> list[Golden]:
    """Every batch of at least one user, with its lists. form: None is the model's graph as it stands.

    A float16 graph has lists of its own, so its golden lists are what it gives itself in onnxruntime; how near they
    are to the model's is measured apart.
    """
    whole = RUNTIMES["onnxruntime"].open(model.path / GRAPH)
    if form is None:
        return list(_batches(model.surface, whole))
    if form.half is not None:
        from selfrec.export.forms import open_graph

        goldens = _batches(form.surface, open_graph(form.by_number or form.graph))
    else:
        goldens = _batches(form.surface, _restricted(whole, model.n_items, form))
    ids = form.ids
    return list(goldens) if ids is None else [_with_ids(golden, ids, form.padding) for golden in goldens]


def _batches(surface: Surface, run: Run) -> Iterator[Golden]:
    for case in edge_batches(surface):
        if len(case.feeds["history"]):
            items, scores = run(case.feeds)
            items, scores = items[:, : surface.top_k], scores[:, : surface.top_k]
            # Where there is no item, any number may stand; a golden list says so.
            yield Golden(case.name, case.feeds, np.where(np.isneginf(scores), surface.n_items, items), scores)


def _restricted(whole: Run, n_items: int, form: Form) -> Run:
    """The model's graph, with the numbers of the form and all items denied that it does not have."""
    kept = form.kept
    if kept is None:
        return whole

    def run(inputs: Feeds) -> tuple[Array, Array]:
        from selfrec.export.reduced import to_whole

        items, scores = whole(to_whole(inputs, kept, n_items))
        return np.searchsorted(kept, items), scores

    return run


def _with_ids(golden: Golden, ids: Array, padding: Any) -> Golden:
    named = np.append(ids, np.array([padding], dtype=ids.dtype))
    inputs = {name: named[array] if name in ("history", "exclude") else array for name, array in golden.inputs.items()}
    return Golden(golden.name, inputs, named[golden.items], golden.scores)
