"""The table of bad input: what is typed, what lies there, the exit code, and the words that help.

Every case runs in a folder of its own with a small shop and a fitted model:

    shop.duckdb   interactions (60 users, 20 items), products, old_lists (an earlier result), a_view, notes
    model/        fitted on it, lists of up to 10
    old.parquet   an earlier result; old_parts/ the same as a folder; notes.txt, photos/cat.jpg: things of the user

`{tmp}` in an argument is that folder. What `says` holds must stand in the one line on stderr.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import duckdb


@dataclass(frozen=True)
class Case:
    """One line of the table."""

    args: str
    code: int
    says: tuple[str, ...]
    sql: str = ""
    """Run in shop.duckdb before."""
    files: dict[str, str | bytes] = field(default_factory=dict)
    """Written before."""
    also: Callable[[Path], object] | None = None
    """Done before, with the folder."""

    @property
    def name(self) -> str:
        """What pytest calls it."""
        return self.args.replace("n" * 300, "LONG")[:90]


def cut_in_half(name: str) -> Callable[[Path], object]:
    """Write a Parquet file and keep its first half."""

    def cut(folder: Path) -> None:
        duckdb.sql(f"COPY (SELECT 1 AS user_id, range AS item_id FROM range(9999)) TO '{folder / name}'")
        content = (folder / name).read_bytes()
        (folder / name).write_bytes(content[: len(content) // 2])

    return cut


def parquet(name: str, select: str) -> Callable[[Path], object]:
    """Write a Parquet file."""
    return lambda folder: duckdb.sql(f"COPY ({select}) TO '{folder / name}' (FORMAT parquet)")


def renamed(old: str, new: bytes) -> Callable[[Path], object]:
    """Give a file a name that is no UTF-8."""
    return lambda folder: os.rename(os.fsencode(folder / old), os.fsencode(folder) + b"/" + new)


def events(columns: str, source: str = "interactions") -> str:
    """SQL: the table `odd`, made from the shop's events."""
    return f"CREATE TABLE odd AS SELECT {columns} FROM {source}"


def bare_model(name: str) -> Callable[[Path], object]:
    """Make a copy of the model, `bare`, that lacks this file and does not promise it."""

    def copy(folder: Path) -> None:
        bare = folder / "bare"
        shutil.copytree(folder / "model", bare)
        (bare / name).unlink()
        manifest = json.loads((bare / "manifest.json").read_text())
        del manifest["files"][name]
        (bare / "manifest.json").write_text(json.dumps(manifest))

    return copy


def made(name: str) -> Callable[[Path], object]:
    """Make a folder."""
    return lambda folder: (folder / name).mkdir()


def linked(name: str, to: str) -> Callable[[Path], object]:
    """Make a symbolic link."""
    return lambda folder: (folder / name).symlink_to(to)
