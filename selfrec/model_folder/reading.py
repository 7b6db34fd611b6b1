"""A model folder, opened: everything is checked before anything of it runs."""

from __future__ import annotations

import os
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from selfrec.errors import ModelError, one_line
from selfrec.files import is_utf8, recover
from selfrec.graph.reading import read_graph
from selfrec.graph.session import WORKING_BYTES, start_session
from selfrec.graph.surface import Surface
from selfrec.graph_rewrites.edited import Edited, Source, edit
from selfrec.graph_rewrites.in_two import InTwo, Pooling, find_pooling, in_two
from selfrec.graph_rewrites.scored import Scored, scored
from selfrec.graph_rewrites.screen import EIGHT_BITS, Form
from selfrec.graph_rewrites.screened import Screened, screened
from selfrec.graph_rewrites.unbiased import Unbiased, without_bias
from selfrec.model_folder.checking import check_folder, check_hash, mapped
from selfrec.model_folder.manifest import GRAPH, GRAPH_DATA, ITEMS, Manifest
from selfrec.settings.tables import Config

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

    from selfrec.catalog import Catalog


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

    @cached_property
    def compares(self) -> bool:
        """Whether an item's score may depend on the others', as a ranker's does: one was asked for, and is in the graph
        as far as can be told.
        """
        if self.config.pipeline.ranker is None:
            return False
        made = self.scored()
        return made is None or made.ranked is not None

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
        data = mapped(self.path / GRAPH_DATA) if GRAPH_DATA in self.manifest.files else None
        source = Source(mapped(self.path / GRAPH), data)
        self._check_folder()
        return source

    def _check_folder(self) -> None:
        """Raises ModelError where what was just read may be another model's: one model's items are not another's."""
        if _identity(self.path) != self._identity:
            raise ModelError(f"{self.path}: another model took its place since it was opened; open it, or run, again")

    def verify(self) -> None:
        """Check the hash of every file of the manifest, also of those that scoring does not read."""
        for name in self.manifest.files:
            check_hash(self.path, self.manifest, name)


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
            model = Model(folder, *check_folder(folder), before)
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
