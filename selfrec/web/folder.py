"""Write the page's folder, whole or not at all."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from selfrec.errors import TargetError, one_line
from selfrec.files import is_worked_in, locked, recover, remove_leftovers, replace_path, sync_tree
from selfrec.graph.surface import Surface
from selfrec.model_folder.manifest import GRAPH, GRAPH_DATA
from selfrec.model_folder.outside import check_outside
from selfrec.model_folder.writing import hash_file
from selfrec.web.items import page_items
from selfrec.web.runtime import Runtime
from selfrec.words import plural

if TYPE_CHECKING:
    from selfrec.catalog import Catalog
    from selfrec.model_folder.reading import Model

MAX_GRAPH = 1_000_000_000
"""Largest graph a page is written for: the runtime holds it up to three times, and WebAssembly ends at 4 GB."""
LARGE_GRAPH = 100_000_000
"""From here on a visitor waits for the download; worth a word."""

ITEMS, SCRIPT, WASM, README = "items.json", "onnxruntime-web.js", "onnxruntime-web.wasm", "README.txt"
PAGE = Path(__file__).parent / "page"
"""The page's own files."""
_MARK = b'<meta name="generator" content="selfrec">'


@dataclass(frozen=True)
class OtherGraph:
    """A graph made of a model's (shorter lists, float16, fewer items), for a page in place of the model's own."""

    content: bytes
    """The ONNX file, weights inside."""
    surface: Surface
    catalog: Catalog
    """Its items, by its own numbers."""


@dataclass(frozen=True)
class Page:
    """A page that was written."""

    folder: Path
    graph_bytes: int
    runtime_bytes: int
    total_bytes: int


def write_page(model: Model, target: str | os.PathLike[str], runtime: Runtime, other: OtherGraph | None = None) -> Page:
    """Write the page of a model into the folder `target`, in the place of an older page.

    other: the graph the page gets, the model's own when None.
    Raises TargetError when the folder holds anything but a page or is in a model folder, when the graph is too large
    for a browser, or when writing fails; the older page is then still there.
    """
    _check_size(model, other)
    check_outside(Path(target))
    place = Path(target).resolve()
    if not place.name:
        raise TargetError(f"{place}: no page can take the place of the root folder; choose another folder")
    prefix = f".{place.name}.partial-"
    folder = place.with_name(f"{prefix}{os.getpid()}")
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        recover(place)
        _check_target(place)
        remove_leftovers(place.parent, prefix)
        folder.mkdir()
        with locked(folder):
            _fill(folder, model, runtime, other)
            sync_tree(folder)
            sizes = {path.name: path.stat().st_size for path in folder.iterdir()}
            _check_target(place)
            replace_path(folder, place)
    except OSError as error:
        raise TargetError(f"{place}: the page cannot be written ({one_line(error)}); choose another place") from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return Page(place, sizes[GRAPH], sizes[SCRIPT] + sizes[WASM], sum(sizes.values()))


def _check_size(model: Model, other: OtherGraph | None) -> None:
    files = model.manifest.files
    size = len(other.content) if other else sum(files[name].bytes for name in (GRAPH, GRAPH_DATA) if name in files)
    # Weights stand in a file of their own past 1.5 GB only.
    if size > MAX_GRAPH or (other is None and GRAPH_DATA in files):
        raise TargetError(
            f"{model.path / GRAPH}: {size / 1e6:,.0f} MB of weights, a page in a browser takes at most "
            f"{MAX_GRAPH / 1e6:,.0f} MB in one file; fit with fewer items (cleaning.min_users_per_item) or narrow it"
        )


def _check_target(place: Path) -> None:
    """Refuse to replace anything but a page or an empty folder."""
    if not place.exists():
        return
    if not place.is_dir():
        raise TargetError(f"{place}: a file of this name is in the way; choose another folder for the page")
    if is_worked_in(place):
        raise TargetError(f"{place}: no page can take the place of the working folder; choose another folder")
    found = {path.name for path in place.iterdir()}
    if not found:
        return
    index = place / "index.html"
    if not index.is_file() or _MARK not in index.read_bytes():
        raise TargetError(f"{place}: holds other files and no page of selfrec; choose another folder")
    foreign = found - _names()
    if foreign:
        raise TargetError(f"{place}: holds {min(foreign)!r}, which no page has; choose another folder")


def _names() -> set[str]:
    return {path.name for path in PAGE.iterdir()} | {ITEMS, SCRIPT, WASM, README, GRAPH}


def _fill(folder: Path, model: Model, runtime: Runtime, other: OtherGraph | None) -> None:
    for path in PAGE.iterdir():
        shutil.copyfile(path, folder / path.name)
    shutil.copyfile(runtime.script, folder / SCRIPT)
    shutil.copyfile(runtime.wasm, folder / WASM)
    if other is None:
        shutil.copyfile(model.path / GRAPH, folder / GRAPH)
    else:
        (folder / GRAPH).write_bytes(other.content)
    surface, catalog = (other.surface, other.catalog) if other else (model.surface, model.catalog)
    graph = hash_file(folder / GRAPH)
    items = page_items(
        catalog,
        surface,
        graph,
        max_history=model.config.cleaning.max_history,
        runtime_bytes=(folder / WASM).stat().st_size,
    )
    (folder / ITEMS).write_bytes(items)
    readme = (
        f"Recommendations from {plural(surface.n_items, 'item')}, computed in the browser: model.onnx, "
        f"sha256 {graph.sha256}.\n"
        "To look at it: python -m http.server, then http://localhost:8000. To publish: copy the folder to any host.\n"
        f"Written by selfrec (Apache-2.0); onnxruntime-web {runtime.version} is Microsoft's (MIT).\n"
    )
    (folder / README).write_text(readme, encoding="utf-8")
