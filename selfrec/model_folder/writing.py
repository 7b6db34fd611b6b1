"""Write a model folder: files go to a sibling folder, are hashed and synced, and take the old one's place at once."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any

from selfrec.errors import ModelError, one_line
from selfrec.files import is_worked_in, locked, recover, remove_leftovers, replace_path, sync_tree, write_whole
from selfrec.model_folder.manifest import (
    GRAPH,
    GRAPH_DATA,
    ITEMS,
    MANIFEST,
    WEIGHTS,
    FileEntry,
    Manifest,
    parse_manifest,
)
from selfrec.model_folder.outside import check_apart

_CHUNK = 1 << 20
_REPORTS = ("report.html", "report.json", "model_card.md")
_PASSING = (".DS_Store", ".nfs", "Thumbs.db", "desktop.ini")
"""What systems put into folders."""


def hash_file(path: Path) -> FileEntry:
    """sha256 and size of a file."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while chunk := stream.read(_CHUNK):
            digest.update(chunk)
        return FileEntry(sha256=digest.hexdigest(), bytes=stream.tell())


class ModelWriter:
    """A model folder in the making.

        with ModelWriter(Path("model")) as writer:
            catalog.write(writer.folder / "items.parquet")
            ...
            writer.commit(manifest)

    Without `commit`, or when the process dies, the folder that was there stays as it was.
    """

    def __init__(self, target: str | os.PathLike[str]) -> None:
        """target: the model's folder; it may hold an older model, and nothing but a model."""
        self.target = Path(target).resolve()
        if not self.target.name:
            raise ModelError(f"{target}: no model can take the place of the root folder; choose another folder")
        self._prefix = f".{self.target.name}.partial-"
        self.folder = self.target.with_name(f"{self._prefix}{os.getpid()}")
        """Where the files are to be written."""
        self._held = contextlib.ExitStack()

    def __enter__(self) -> ModelWriter:
        try:
            check_apart(self.target)
            self.target.parent.mkdir(parents=True, exist_ok=True)
            recover(self.target)
            self._check_target()
            check_strangers(self.target)
            remove_leftovers(self.target.parent, self._prefix)
            self.folder.mkdir()
            self._held.enter_context(locked(self.folder))
        except OSError as error:
            raise self.failed(error) from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)
        self._held.close()

    @contextlib.contextmanager
    def spill(self) -> Iterator[Path]:
        """A folder beside the target for what does not fit the memory while the source is read.

        Found out before an hour of work: whether anything can be written there at all, and may be replaced.
        """
        check_apart(self.target)
        parent = next(folder for folder in self.target.parents if folder.exists())
        self._check_target()
        check_strangers(self.target)
        folder = parent / f"{self._prefix}{os.getpid()}-spill"
        try:
            remove_leftovers(parent, self._prefix)
            folder.mkdir()
        except OSError as error:
            raise self.failed(error) from error
        try:
            with locked(folder):
                yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def seal(self, manifest: Manifest) -> Manifest:
        """Hash what was written and add the manifest: the unfinished folder can be opened like any model.

        Returns the manifest with its `files`. Files may still be added and the folder sealed again.
        """
        written = sorted(path for path in self.folder.iterdir() if path.name != MANIFEST)
        missing = {GRAPH, ITEMS} - {path.name for path in written}
        if missing:
            raise ModelError(f"{self.target}: {min(missing)} was not written")
        try:
            full = manifest.model_copy(update={"files": {path.name: hash_file(path) for path in written}})
            (self.folder / MANIFEST).write_bytes(full.to_bytes())
        except OSError as error:
            raise self.failed(error) from error
        return full

    def commit(self, manifest: Manifest) -> Manifest:
        """Seal the folder and put it in the target's place. Returns the manifest with its `files`."""
        full = self.seal(manifest)
        try:
            sync_tree(self.folder)
            self._check_target()
            replace_path(self.folder, self.target)
        except OSError as error:
            raise self.failed(error) from error
        return full

    def _check_target(self) -> None:
        """Refuse to replace anything but a model or an empty folder."""
        if not self.target.exists():
            return
        if not self.target.is_dir():
            raise ModelError(f"{self.target}: a file of this name is in the way; choose another folder for the model")
        if is_worked_in(self.target):
            raise ModelError(f"{self.target}: no model can take the place of the working folder; choose another folder")
        if any(self.target.iterdir()) and not _is_model(self.target):
            raise ModelError(f"{self.target}: holds other files and no model; choose another folder for the model")

    def failed(self, error: OSError) -> ModelError:
        """What to raise where a file of the folder cannot be written."""
        return ModelError(
            f"{self.target}: the model cannot be written ({one_line(error)}); check space and permissions"
        )


def check_strangers(folder: Path) -> None:
    """Raises ModelError where a model folder holds what no fit wrote, which would go with the old model."""
    if not folder.is_dir():
        return
    files = (_noted(folder) or {}).get("files")
    own = {MANIFEST, GRAPH, GRAPH_DATA, ITEMS, WEIGHTS, *_REPORTS, *(files if isinstance(files, dict) else ())}
    names = sorted(path.name for path in folder.iterdir())
    strange = [name for name in names if name not in own and not name.startswith(_PASSING) and name[-8:] != ".partial"]
    if strange:
        more = f" and {len(strange) - 1:,} more" if strange[1:] else ""
        raise ModelError(
            f"{folder}: holds {strange[0]!r}{more} beside its model, and a new model would take that away; "
            "move what is yours, or choose another folder"
        )


def _is_model(folder: Path) -> bool:
    """Whether a folder holds a model, be it a damaged one; other programs write files called manifest.json as well."""
    noted = _noted(folder)
    return (folder / GRAPH).exists() and (folder / MANIFEST).exists() if noted is None else "format_version" in noted


def _noted(folder: Path) -> dict[str, Any] | None:
    """What stands in the manifest; None where there is none, or it is no table."""
    try:
        values = json.loads((folder / MANIFEST).read_bytes())
    except (OSError, ValueError, RecursionError):
        return None
    return values if isinstance(values, dict) else None


def replace_file(model: str | os.PathLike[str], name: str, content: bytes) -> None:
    """Write a further file (a report) into a finished model folder and note its hash in the manifest.

    Not for the graph and the items: these change with the whole folder only.
    """
    folder = Path(model).resolve()
    if name in (GRAPH, ITEMS, MANIFEST) or Path(name).name != name:
        raise ValueError(f"{name!r} is not written on its own")
    try:
        manifest = parse_manifest((folder / MANIFEST).read_bytes(), folder / MANIFEST)
        write_whole(folder / name, content)
        entry = FileEntry(sha256=hashlib.sha256(content).hexdigest(), bytes=len(content))
        changed = manifest.model_copy(update={"files": manifest.files | {name: entry}})
        write_whole(folder / MANIFEST, changed.to_bytes())
    except OSError as error:
        raise ModelError(f"{folder}: {name} cannot be written ({one_line(error)})") from error
