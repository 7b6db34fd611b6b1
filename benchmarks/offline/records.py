"""What one run of one model on one protocol with one seed left: a JSON file, and the key that says whether it holds."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from selfrec.files import write_whole

FORMAT = 1

ROOT = Path(__file__).resolve().parents[2]
"""The repository, whose code is part of a key."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Users(_Part):
    """Figures of one group of users."""

    users: int
    metrics: dict[str, float] = Field(description='Means over the users, "ndcg@20".')
    ndcg: list[float] = Field(description="NDCG@20 of every user, in the order of the holdout, to pair models by.")


class Trial(_Part):
    """One set of options on the validation part."""

    options: dict[str, Any]
    ndcg: float = Field(description="Mean NDCG@20.")
    seconds: float


class Trials(_Part):
    """What an unfinished search has tried."""

    key: str
    trials: list[Trial]


class Record(_Part):
    """One run."""

    format: int = FORMAT
    protocol: str
    model: str
    title: str = Field(description="What a table calls the model.")
    kind: Literal["baseline", "preset"]
    seed: int
    key: str
    identity: dict[str, Any] = Field(description="What the key is a hash of.")
    items: int = Field(description="N.")
    training_users: int
    training_slots: int
    left_out: str | None = Field(None, description="Why there are no figures.")
    options: dict[str, Any] = Field(default_factory=dict, description="Chosen on the validation part.")
    trials: list[Trial] = Field(default_factory=list)
    stages: list[dict[str, Any]] = Field(default_factory=list, description="A preset's stages on the validation part.")
    search_seconds: float = Field(0.0, description="Of all trials.")
    fit_seconds: float = 0.0
    fit_cpu_seconds: float = 0.0
    microseconds_per_user: float = Field(0.0, description="Histories to lists of 100, in memory, all test users.")
    groups: dict[str, Users] = Field(default_factory=dict)
    lists: dict[str, float] = Field(default_factory=dict, description="Coverage, Gini, mean popularity of all lists.")

    @property
    def data(self) -> str:
        """The digest of the rows it was fitted and measured on."""
        return str(self.identity["data"])


def key_of(identity: Mapping[str, Any]) -> str:
    """sha256 of an identity, whatever the order of its entries."""
    return hashlib.sha256(json.dumps(identity, sort_keys=True, default=str).encode()).hexdigest()


def code_digest(paths: Iterable[str]) -> str:
    """sha256 of the Python files at these paths of the repository, folders with all that is in them."""
    digest = hashlib.sha256()
    for path in sorted(paths):
        place = ROOT / path
        files = sorted(place.rglob("*.py")) if place.is_dir() else [place]
        for file in files:
            digest.update(f"{file.relative_to(ROOT).as_posix()}\0".encode() + file.read_bytes() + b"\0")
    return digest.hexdigest()


def path_of(folder: Path, protocol: str, model: str, seed: int) -> Path:
    """Where the record of a run stands."""
    return folder / protocol / model / f"seed-{seed}.json"


def trials_path(folder: Path, protocol: str, model: str, seed: int) -> Path:
    """Where the trials of a search stand until its record does."""
    return folder / protocol / model / f"seed-{seed}.trials.json"


def read_trials(path: Path, key: str) -> list[Trial]:
    """The trials of a search with this key that was cut off; none where there are none."""
    try:
        found = Trials.model_validate_json(path.read_bytes())
    except (OSError, ValueError):
        return []
    return found.trials if found.key == key else []


def write_trials(path: Path, key: str, trials: list[Trial]) -> None:
    """Keep the trials of a search that goes on."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, Trials(key=key, trials=trials).model_dump_json().encode())


def read(path: Path) -> Record | None:
    """The record of a file; None where there is none, or one of another format."""
    try:
        return Record.model_validate_json(path.read_bytes())
    except (OSError, ValueError):
        return None


def write(folder: Path, record: Record) -> None:
    """Write a record, whole or not at all; the trials of its search are then in it."""
    path = path_of(folder, record.protocol, record.model, record.seed)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, record.model_dump_json(indent=1).encode())
    trials_path(folder, record.protocol, record.model, record.seed).unlink(missing_ok=True)


def read_all(folder: Path) -> list[Record]:
    """All records of a folder."""
    found = (read(path) for path in sorted(folder.glob("*/*/seed-*.json")) if path.suffixes == [".json"])
    return [record for record in found if record is not None]
