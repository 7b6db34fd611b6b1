"""A model's graph in another form: shorter lists, float16 weights, the user's own ids, a part of the catalog."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import ModelProto

from selfrec.errors import ExportError, SettingsError
from selfrec.export.earlier import data_place
from selfrec.export.half import HalfAgreement, measure_half, to_half
from selfrec.export.raw_ids import id_table, padding_id, with_ids
from selfrec.export.reduced import reduce_catalog
from selfrec.export.runtimes import RUNTIMES, Run
from selfrec.export.shorter import shorten
from selfrec.files import write_whole
from selfrec.graph.surface import Surface
from selfrec.model_folder.manifest import GRAPH
from selfrec.model_folder.reading import Model
from selfrec.settings.export import ExportSettings
from selfrec.words import plural

_LARGEST = 2**31 - 1
"""Bytes of a protobuf message."""


@dataclass(frozen=True)
class Form:
    """A graph that was made of a model's, and how its numbers and lists relate to the model's."""

    graph: ModelProto
    surface: Surface
    kept: npt.NDArray[np.int64] | None = None
    """int64[N'] the model's numbers of its items, where it has a part of them."""
    ids: npt.NDArray[Any] | None = None
    """[N'] the ids it takes and gives, where it has the user's own."""
    by_number: ModelProto | None = None
    """The same graph before it was given ids."""
    half: HalfAgreement | None = None

    @property
    def padding(self) -> Any:
        """What stands for no item."""
        return self.surface.n_items if self.ids is None else padding_id(self.ids)


def make_form(model: Model, settings: ExportSettings, kept: npt.NDArray[np.int64] | None) -> Form:
    """The form the settings ask for. kept: the model's numbers of the items to keep, ascending; None keeps all.

    Raises SettingsError for a k the model cannot give, ExportError where its graph cannot take a form.
    """
    if settings.k is not None and settings.k > model.top_k:
        longer = f"-o pipeline.top_k={settings.k}"
        if settings.k > model.n_items:
            longer = f"more items (the catalog has only {model.n_items})"
        raise SettingsError(
            f"-k {settings.k}: the model's lists have {plural(model.top_k, 'item')}; ask for at most {model.top_k}, or "
            f"fit with {longer}"
        )
    graph, surface = onnx.load(str(model.path / GRAPH)), model.surface
    whole = RUNTIMES["onnxruntime"].open(model.path / GRAPH)
    if kept is not None:
        graph, surface = reduce_catalog(graph, kept, surface, whole, open_graph)
    top_k = surface.top_k if settings.k is None else min(settings.k, surface.top_k)
    if top_k < surface.top_k:
        shorten(graph, top_k)
        surface = replace(surface, top_k=top_k)
    half = None
    if settings.half:
        exact = open_graph(graph)
        to_half(graph)
        half = measure_half(exact, open_graph(graph), surface)
    if not settings.raw_ids:
        return Form(graph, surface, kept, half=half)
    ids = id_table(model.catalog.item_ids if kept is None else model.catalog.item_ids.take(kept))
    by_number = ModelProto()
    by_number.CopyFrom(graph)
    with_ids(graph, ids)
    return Form(graph, surface, kept, ids, by_number, half)


def write_form(graph: ModelProto, target: Path, *, external: bool) -> list[Path]:
    """Write a graph, and with `external` its weights beside it in NAME.onnx.data; the places, data first."""
    if not external:
        if graph.ByteSize() > _LARGEST:
            raise ExportError(
                f"{target}: {graph.ByteSize():,} bytes are more than one ONNX file holds; add --external-data"
            )
        write_whole(target, graph.SerializeToString(deterministic=True))
        return [target]
    data = data_place(target)
    with tempfile.TemporaryDirectory(prefix=f".{target.name}.", dir=target.parent) as folder:
        made = Path(folder)
        # onnx gives the weights away to the file, so it gets a copy.
        copy = ModelProto()
        copy.CopyFrom(graph)
        onnx.save_model(
            copy, str(made / target.name), save_as_external_data=True, all_tensors_to_one_file=True,
            location=data.name, size_threshold=1024, convert_attribute=False,
        )  # fmt: skip
        # Small weights stay in the graph: then there is no data, and what lies at its place is another graph's.
        places = [place for place in (data, target) if (made / place.name).exists()]
        for place in places:
            # onnx writes the data for the owner alone.
            (made / place.name).chmod((made / target.name).stat().st_mode)
            (made / place.name).replace(place)
    return places


def open_graph(graph: ModelProto) -> Run:
    """A graph as a function of its inputs, in onnxruntime."""
    with tempfile.TemporaryDirectory(prefix="selfrec-") as folder:
        place = Path(folder) / GRAPH
        write_form(graph, place, external=graph.ByteSize() > _LARGEST // 2)
        return RUNTIMES["onnxruntime"].open(place)
