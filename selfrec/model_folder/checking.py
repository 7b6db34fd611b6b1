"""What is checked of a model folder that anyone may have made, before anything of it runs."""

from __future__ import annotations

import mmap
import os
import stat
from pathlib import Path

from selfrec.errors import ModelError, one_line
from selfrec.graph.flow import check_flow
from selfrec.graph.reading import Graph, read_graph
from selfrec.graph.surface import Surface, read_surface
from selfrec.model_folder.manifest import (
    GRAPH,
    GRAPH_DATA,
    ITEMS,
    MANIFEST,
    MAX_MANIFEST_BYTES,
    Manifest,
    parse_manifest,
)
from selfrec.model_folder.writing import hash_file

_MAX_BYTES = {GRAPH: 2**31 - 1, GRAPH_DATA: 64 * 2**30, ITEMS: 4 * 2**30}
"""Largest files that are read; protobuf itself ends at 2 GiB."""

_ANY_FILE = 64 * 2**30


def check_folder(folder: Path) -> tuple[Manifest, Surface]:
    """The manifest, the presence and size of all its files, the hashes of those that scoring reads, and every
    operation, tensor, input and output of the graph. Raises ModelError.
    """
    manifest = parse_manifest(_read_manifest(folder / MANIFEST), folder / MANIFEST)
    _check_id_types(folder / MANIFEST, manifest)
    for name in (GRAPH, ITEMS):
        if name not in manifest.files:
            raise ModelError(f"{folder / MANIFEST}: no hash of {name}; fit the model again")
    for name in manifest.files:
        _check_file(folder, manifest, name)
    for name in (GRAPH, ITEMS, GRAPH_DATA):
        if name in manifest.files:
            check_hash(folder, manifest, name)
    try:
        surface = _check_graph(folder / GRAPH, manifest)
    except ModelError as error:
        told = str(error)
        raise ModelError(f"{folder / GRAPH}: {told if ';' in told else f'{told}; fit the model again'}") from error
    return manifest, surface


def mapped(place: Path) -> memoryview:
    """A file's bytes. Not closed by hand: tensors, and an error's traceback, hold views of them."""
    with place.open("rb") as stream:
        return memoryview(mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ))


def _read_manifest(place: Path) -> bytes:
    try:
        _check_regular(place)
        if place.stat().st_size > MAX_MANIFEST_BYTES:
            raise ModelError(f"{place}: larger than {MAX_MANIFEST_BYTES:,} bytes; this is no manifest of selfrec")
        return place.read_bytes()
    except OSError as error:
        raise ModelError(f"{place}: cannot be read ({one_line(error)}); is this a model folder?") from error


def _check_id_types(place: Path, manifest: Manifest) -> None:
    from selfrec.source.ids import id_type

    for name in ("user_type", "item_type"):
        kind = getattr(manifest.columns, name)
        if id_type(kind) != kind:
            raise ModelError(f"{place}: columns.{name} is {kind[:100]!r}, which is no type of ids; fit the model again")


def _check_file(folder: Path, manifest: Manifest, name: str) -> None:
    if name in ("", ".", "..") or name != Path(name).name or "\\" in name or "\0" in name:
        raise ModelError(f"{folder / MANIFEST}: names a file outside the folder ({name[:200]!r})")
    place = folder / name
    try:
        _check_regular(place)
        size = place.stat().st_size
    except OSError as error:
        raise ModelError(f"{place}: missing or not readable ({one_line(error)}); copy the whole folder") from error
    if size != manifest.files[name].bytes:
        raise ModelError(
            f"{place}: {size:,} bytes, the manifest says {manifest.files[name].bytes:,}; "
            "the file was altered or cut short"
        )
    if size > _MAX_BYTES.get(name, _ANY_FILE):
        raise ModelError(f"{place}: {size:,} bytes, more than selfrec reads ({_MAX_BYTES.get(name, _ANY_FILE):,})")


def _check_regular(place: Path) -> None:
    """A link could lead to a file that is none of the model's."""
    status = os.lstat(place)
    if not stat.S_ISREG(status.st_mode):
        raise ModelError(f"{place}: a link or special file; a model folder holds plain files")
    if status.st_nlink != 1:
        raise ModelError(f"{place}: has {status.st_nlink} names (hard links); copy the folder instead of linking it")


def check_hash(folder: Path, manifest: Manifest, name: str) -> None:
    """Raises ModelError where the file is not the one that the manifest describes."""
    try:
        found = hash_file(folder / name)
    except OSError as error:
        raise ModelError(f"{folder / name}: cannot be read ({one_line(error)})") from error
    if found != manifest.files[name]:
        raise ModelError(
            f"{folder / name}: sha256 {found.sha256[:12]}..., the manifest says "
            f"{manifest.files[name].sha256[:12]}...; the file was altered; fit the model again"
        )


def _check_graph(place: Path, manifest: Manifest) -> Surface:
    if not manifest.files[GRAPH].bytes:
        raise ModelError("the file is empty")
    graph = read_graph(mapped(place))
    surface = read_surface(graph)
    check_flow(graph)
    _check_sizes(graph, manifest)
    for name, found, noted in (("N", surface.n_items, manifest.n_items), ("K", surface.top_k, manifest.top_k)):
        if found != noted:
            raise ModelError(f"{name} is {found:,} in the graph and {noted:,} in the manifest")
    if surface.user_features != len(manifest.user_features):
        raise ModelError(
            f"the graph reads {surface.user_features} user columns, the manifest names {len(manifest.user_features)}"
        )
    return surface


def _check_sizes(graph: Graph, manifest: Manifest) -> None:
    held = sum(manifest.files[name].bytes for name in (GRAPH, GRAPH_DATA) if name in manifest.files)
    if manifest.n_items > held:
        # The graph holds at least the popularity of every item.
        raise ModelError(f"it scores {manifest.n_items:,} items with {held:,} bytes, which cannot be")
    inside = sum(tensor.size for tensor in graph.tensors if tensor.location is None)
    if inside > 2 * manifest.files[GRAPH].bytes + 2**20:
        raise ModelError(f"its tensors would take {inside:,} bytes, more than the file holds")
    data = manifest.files.get(GRAPH_DATA)
    for tensor in graph.external:
        if tensor.location != GRAPH_DATA or data is None:
            raise ModelError(
                f"the tensor {tensor.name!r} is stored in {str(tensor.location)[:200]!r}; "
                f"the only place outside the graph is {GRAPH_DATA}, with its hash in the manifest"
            )
        if tensor.offset + tensor.size > data.bytes:
            raise ModelError(f"the tensor {tensor.name!r} ends after {GRAPH_DATA} does")
