"""Open a model folder that anyone may have made: everything is checked before anything of it runs."""

from __future__ import annotations

import mmap
import os
import stat
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from selfrec.errors import ModelError, one_line
from selfrec.files import is_utf8, recover
from selfrec.model_folder.edited import Edited, Source, edit
from selfrec.model_folder.flow import check_flow
from selfrec.model_folder.graph import Graph, read_graph
from selfrec.model_folder.in_two import InTwo, Pooling, find_pooling, in_two
from selfrec.model_folder.manifest import (
    GRAPH,
    GRAPH_DATA,
    ITEMS,
    MANIFEST,
    MAX_MANIFEST_BYTES,
    Manifest,
    parse_manifest,
)
from selfrec.model_folder.scored import Scored, scored
from selfrec.model_folder.screen import EIGHT_BITS, Form
from selfrec.model_folder.screened import Screened, screened
from selfrec.model_folder.session import WORKING_BYTES, start_session
from selfrec.model_folder.surface import Surface, read_surface
from selfrec.model_folder.unbiased import Unbiased, without_bias
from selfrec.model_folder.writing import hash_file
from selfrec.settings.tables import Config

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

    from selfrec.catalog import Catalog

MAX_BYTES = {GRAPH: 2**31 - 1, GRAPH_DATA: 64 * 2**30, ITEMS: 4 * 2**30}
"""Largest files that are read; protobuf itself ends at 2 GiB."""

_ANY_FILE = 64 * 2**30


class Model:
    """A checked model folder."""

    def __init__(self, path: Path, manifest: Manifest, surface: Surface, identity: tuple[int, int]) -> None:
        self.path = path
        """The folder, links resolved."""
        self.manifest = manifest
        self.surface = surface
        self._identity = identity

    @property
    def config(self) -> Config:
        """The configuration the model was fitted with."""
        return self.manifest.config

    @property
    def n_items(self) -> int:
        """N."""
        return self.surface.n_items

    @property
    def top_k(self) -> int:
        """K, the longest list the graph gives."""
        return self.surface.top_k

    @property
    def extra_inputs(self) -> tuple[str, ...]:
        """The inputs the graph asks for beyond the four of every graph: `ages`, `user_features`."""
        return self.surface.extra_inputs

    @property
    def sha256(self) -> str:
        """sha256 of model.onnx, which names the model in the table of runs."""
        return self.manifest.files[GRAPH].sha256

    @cached_property
    def catalog(self) -> Catalog:
        """The items. Raises ModelError when they do not belong to the graph."""
        from selfrec.model_folder.items import read_items

        catalog = read_items(self.path / ITEMS, self.n_items, self.manifest.columns.item_type)
        self._check_folder()
        return catalog

    def unbiased(self) -> Unbiased | None:
        """The graph for jobs in which every item's bias is 0; None where it has no such form."""
        return without_bias(self._source(), self.n_items)

    def screened(self, k: int, *, form: Form = EIGHT_BITS, forced: bool = False) -> Screened | None:
        """The graph with a first product in 8 bits, for lists of k; None where it has no such form or gains nothing.

        forced: also where it gains nothing.
        """
        return screened(self._source(), self.n_items, k, form=form, forced=forced)

    def scored(self, graph: Edited | None = None) -> Scored | None:
        """The graph, or what `unbiased` made of it, up to its scores; None where not just their best are taken."""
        return scored(self._as_it_is() if graph is None else graph)

    def in_two(self, graph: Edited | None = None) -> InTwo | None:
        """The graph, or what `unbiased` or `screened` made of it, cut where a history's embeddings are summed up; None
        where it gathers none.
        """
        if self._pooling is None:
            return None
        return in_two(self._as_it_is() if graph is None else graph, self._pooling)

    def _as_it_is(self) -> Edited:
        return edit(self._source(), lambda _, node: [node], [], [])

    @cached_property
    def _pooling(self) -> Pooling | None:
        return find_pooling(read_graph(self._source().content))

    def session(
        self,
        threads: int = 1,
        *,
        top_k: int | None = None,
        working_bytes: int = WORKING_BYTES,
        graph: Edited | None = None,
    ) -> InferenceSession:
        """An onnxruntime session of the graph. `run` may be called from several threads at once.

        threads: cores one `run` uses. top_k: shorter lists, which cost less, where the graph can give them;
        take the first top_k columns in any case. working_bytes: what all runs together may take beside the weights.
        graph: what was made of it, to be run instead.
        """
        place = self.path / GRAPH
        weights = sum(self.manifest.files[name].bytes for name in (GRAPH, GRAPH_DATA) if name in self.manifest.files)
        shorter = top_k if top_k is not None and top_k < self.top_k and self.surface.adjustable_k else None
        content, tensors = (place, None) if graph is None else (graph.content, graph.tensors)
        try:
            session = start_session(content, threads, 4 * weights + working_bytes, top_k=shorter, tensors=tensors)
        except Exception as error:  # onnxruntime raises many classes of its own.
            raise ModelError(f"{place}: onnxruntime refuses it ({one_line(error)[:300]})") from error
        self._check_folder()
        return session

    def _source(self) -> Source:
        data = _mapped(self.path / GRAPH_DATA) if GRAPH_DATA in self.manifest.files else None
        source = Source(_mapped(self.path / GRAPH), data)
        self._check_folder()
        return source

    def _check_folder(self) -> None:
        """Raises ModelError where what was just read may be another model's: one model's items are not another's."""
        if _identity(self.path) != self._identity:
            raise ModelError(f"{self.path}: another model took its place since it was opened; open it, or run, again")

    def verify(self) -> None:
        """Check the hash of every file of the manifest, also of those that scoring does not read."""
        for name in self.manifest.files:
            _check_hash(self.path, self.manifest, name)


def open_model(path: str | os.PathLike[str]) -> Model:
    """Check a model folder and open it. Raises ModelError with one line that says what is wrong.

    Checked are the manifest, the presence and size of all its files, the hashes of those that scoring reads, and
    every operation, tensor, input and output of the graph. Where a fit puts another model in its place meanwhile,
    that one is opened.
    """
    folder = Path(path)
    # Not resolve() first: the name of the folder that a crash moved away is the one asked for.
    if not folder.exists():
        recover(folder)
    folder = folder.resolve()
    if not is_utf8(str(folder)):
        raise ModelError(f"{str(folder)!r}: the name is no text in UTF-8; rename it, or use a link with a plain name")
    if folder.is_file():
        # An exported graph says nothing of ids and options.
        raise ModelError(f"{path}: is a file; name the folder of a model, as `selfrec fit --out FOLDER` writes it")
    if not folder.is_dir():
        raise ModelError(f"{path}: no such model folder; `selfrec fit SOURCE --out {path}` writes one")
    while True:
        before = _identity(folder)
        try:
            model = _open(folder, before)
        except ModelError:
            if _identity(folder) == before:
                raise
            continue
        if _identity(folder) == before:
            return model


def _identity(folder: Path) -> tuple[int, int]:
    """(device, inode), which tells a folder from one that takes its place; zeros where there is none."""
    try:
        status = folder.stat()
    except OSError:
        return 0, 0
    return status.st_dev, status.st_ino


def _open(folder: Path, identity: tuple[int, int]) -> Model:
    manifest = parse_manifest(_read_manifest(folder / MANIFEST), folder / MANIFEST)
    _check_id_types(folder / MANIFEST, manifest)
    for name in (GRAPH, ITEMS):
        if name not in manifest.files:
            raise ModelError(f"{folder / MANIFEST}: no hash of {name}; fit the model again")
    for name in manifest.files:
        _check_file(folder, manifest, name)
    for name in (GRAPH, ITEMS, GRAPH_DATA):
        if name in manifest.files:
            _check_hash(folder, manifest, name)
    try:
        surface = _check_graph(folder / GRAPH, manifest)
    except ModelError as error:
        told = str(error)
        raise ModelError(f"{folder / GRAPH}: {told if ';' in told else f'{told}; fit the model again'}") from error
    return Model(folder, manifest, surface, identity)


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
    if size > MAX_BYTES.get(name, _ANY_FILE):
        raise ModelError(f"{place}: {size:,} bytes, more than selfrec reads ({MAX_BYTES.get(name, _ANY_FILE):,})")


def _check_regular(place: Path) -> None:
    """A link could lead to a file that is none of the model's."""
    status = os.lstat(place)
    if not stat.S_ISREG(status.st_mode):
        raise ModelError(f"{place}: a link or special file; a model folder holds plain files")
    if status.st_nlink != 1:
        raise ModelError(f"{place}: has {status.st_nlink} names (hard links); copy the folder instead of linking it")


def _check_hash(folder: Path, manifest: Manifest, name: str) -> None:
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
    graph = read_graph(_mapped(place))
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


def _mapped(place: Path) -> memoryview:
    """A file's bytes. Not closed by hand: tensors, and an error's traceback, hold views of them."""
    with place.open("rb") as stream:
        return memoryview(mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ))


def _check_sizes(graph: Graph, manifest: Manifest) -> None:
    held = sum(manifest.files[name].bytes for name in (GRAPH, GRAPH_DATA) if name in manifest.files)
    if manifest.n_items > held:
        # Of every item the graph knows its popularity at the least.
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
