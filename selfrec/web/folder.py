"""Write the page's folder, whole or not at all."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from selfrec.errors import TargetError, one_line
from selfrec.files import locked, recover, remove_leftovers, replace_path, sync_tree
from selfrec.model_folder.manifest import GRAPH, GRAPH_DATA
from selfrec.web.items import page_items
from selfrec.web.runtime import Runtime

if TYPE_CHECKING:
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
class Page:
    """A page that was written."""

    folder: Path
    graph_bytes: int
    runtime_bytes: int
    total_bytes: int


def write_page(model: Model, target: str | os.PathLike[str], runtime: Runtime) -> Page:
    """Write the page of a model into the folder `target`, in the place of an older page.

    Raises TargetError when the folder holds anything but a page, when the graph is too large for a browser, or when
    writing fails; the older page is then still there.
    """
    _check_size(model)
    place = Path(target).resolve()
    prefix = f".{place.name}.partial-"
    folder = place.with_name(f"{prefix}{os.getpid()}")
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        recover(place)
        _check_target(place)
        remove_leftovers(place.parent, prefix)
        folder.mkdir()
        with locked(folder):
            _fill(folder, model, runtime)
            sync_tree(folder)
            sizes = {path.name: path.stat().st_size for path in folder.iterdir()}
            _check_target(place)
            replace_path(folder, place)
    except OSError as error:
        raise TargetError(f"{place}: the page cannot be written ({one_line(error)}); choose another place") from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return Page(place, sizes[GRAPH], sizes[SCRIPT] + sizes[WASM], sum(sizes.values()))


def _check_size(model: Model) -> None:
    size = model.manifest.files[GRAPH].bytes
    if GRAPH_DATA in model.manifest.files:
        size += model.manifest.files[GRAPH_DATA].bytes
    if size > MAX_GRAPH or GRAPH_DATA in model.manifest.files:
        raise TargetError(
            f"{model.path / GRAPH}: {size / 1e6:,.0f} MB of weights, a page in a browser takes at most "
            f"{MAX_GRAPH / 1e6:,.0f} MB; fit with fewer items (cleaning.min_users_per_item) or narrower parts"
        )


def _check_target(place: Path) -> None:
    """Refuse to replace anything but a page or an empty folder."""
    if not place.exists():
        return
    if not place.is_dir():
        raise TargetError(f"{place}: a file of this name is in the way; choose another folder for the page")
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


def _fill(folder: Path, model: Model, runtime: Runtime) -> None:
    for path in PAGE.iterdir():
        shutil.copyfile(path, folder / path.name)
    shutil.copyfile(runtime.script, folder / SCRIPT)
    shutil.copyfile(runtime.wasm, folder / WASM)
    shutil.copyfile(model.path / GRAPH, folder / GRAPH)
    (folder / ITEMS).write_bytes(page_items(model, (folder / WASM).stat().st_size))
    (folder / README).write_text(_readme(model, runtime), encoding="utf-8")


def _readme(model: Model, runtime: Runtime) -> str:
    """Three lines."""
    return (
        f"Recommendations from {model.n_items:,} items, computed in the browser: model.onnx, sha256 {model.sha256}.\n"
        "To look at it: python -m http.server, then http://localhost:8000. To publish: copy the folder to any host.\n"
        f"Written by selfrec (Apache-2.0); onnxruntime-web {runtime.version} is Microsoft's (MIT).\n"
    )
