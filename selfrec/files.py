"""Files and folders that appear whole or not at all: locked work folders beside a target, and atomic swaps."""

from __future__ import annotations

import contextlib
import ctypes
import errno
import fcntl
import glob
import os
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path

_AT_FDCWD = -100
_RENAME_EXCHANGE = 2


def is_utf8(text: str) -> bool:
    """Whether DuckDB and Arrow can take a name: their strings are UTF-8, while a file system allows any bytes."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def unwritable(place: str) -> str | None:
    """Why nothing is written to a place of this name, as it was typed: once resolved, `-` is a name like others."""
    if not place:
        return "the path is empty; name a place on disk"
    if place == "-":
        return "'-': the result cannot go to standard output; name a place on disk (./- if it is a name)"
    return None


def give_usual_mode(path: Path) -> None:
    """Let a file have the rights of the user's umask, where a library made it with others."""
    probe = path.with_name(f".{path.name}.mode")
    with probe.open("xb") as file:
        mode = os.fstat(file.fileno()).st_mode
    probe.unlink()
    path.chmod(stat.S_IMODE(mode))


def sync(path: Path) -> None:
    """Force a file or folder to disk, so that a rename after it never shows an empty file."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno != errno.EINVAL:  # Some file systems cannot sync a folder.
            raise
    finally:
        os.close(handle)


def sync_tree(folder: Path) -> None:
    """Force every file of a flat folder, then the folder itself, to disk."""
    for path in folder.iterdir():
        if path.is_file():
            sync(path)
    sync(folder)


def write_whole(path: Path, content: bytes) -> None:
    """Write a small file so that a reader, or the next run after a crash, finds the old or the new one."""
    partial = _partial(path)
    partial.write_bytes(content)
    sync(partial)
    partial.replace(path)
    sync(path.parent)


def can_write(path: Path) -> None:
    """See whether `write_whole` has a place to write to, before long work for its content. Raises OSError."""
    partial = _partial(path)
    partial.touch()
    partial.unlink()


def _partial(path: Path) -> Path:
    return path.with_name(f".{path.name}.partial")


def is_worked_in(folder: Path) -> bool:
    """Whether the folder is the working folder or holds it, which another folder in its place would take away."""
    with contextlib.suppress(OSError):
        here = Path.cwd()
        return any(folder.samefile(place) for place in (here, *here.parents))
    return False


def replace_path(new: Path, target: Path) -> None:
    """Put the whole file or folder `new` in the place of `target`, both on one file system.

    Where the system can exchange two names (Linux), there is no moment without a target. Elsewhere an old
    folder first moves to `.NAME.old`, which `recover` brings back after a crash in between.
    """
    if not new.is_dir() or not target.is_dir():
        os.replace(new, target)
    elif _exchange(new, target):
        shutil.rmtree(new, ignore_errors=True)
    else:
        old = _old_name(target)
        os.rename(target, old)
        os.rename(new, target)
        shutil.rmtree(old, ignore_errors=True)
    sync(target.parent)


def recover(target: Path) -> None:
    """Undo a swap of folders that a crash cut in half, and remove what a finished one left."""
    old = _old_name(target)
    if not old.is_dir():
        return
    if target.exists():
        shutil.rmtree(old, ignore_errors=True)
    else:
        os.rename(old, target)


def _old_name(target: Path) -> Path:
    return target.with_name(f".{target.name}.old")


def _exchange(first: Path, second: Path) -> bool:
    """Exchange two names in one step (renameat2), or False where the system cannot."""
    try:
        renameat2 = ctypes.CDLL(None, use_errno=True).renameat2
    except (AttributeError, OSError):
        return False
    done = renameat2(_AT_FDCWD, os.fsencode(first), _AT_FDCWD, os.fsencode(second), _RENAME_EXCHANGE)
    return int(done) == 0


@contextlib.contextmanager
def locked(path: Path) -> Iterator[bool]:
    """Hold the exclusive lock of a folder or file; yields False when another process has it.

    The system drops the lock when the process ends, however it ends. Raises FileNotFoundError when the path was
    removed, or another put in its place, before the lock was held.
    """
    handle = os.open(path, os.O_RDONLY)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno not in (errno.EWOULDBLOCK, errno.EACCES):
                raise
            yield False
            return
        if not os.path.samestat(os.fstat(handle), os.stat(path)):
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path))
        yield True
    finally:
        os.close(handle)


def remove_leftovers(parent: Path, prefix: str) -> None:
    """Remove work folders that start with this prefix and that no living process holds."""
    for path in parent.glob(f"{glob.escape(prefix)}*"):
        if path.is_dir() and not path.is_symlink():
            with contextlib.suppress(FileNotFoundError), locked(path) as free:
                if free:
                    shutil.rmtree(path, ignore_errors=True)
