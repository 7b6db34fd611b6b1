"""What a scoring run did, and how it tells while it runs."""

from __future__ import annotations

import resource
import sys
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple, Protocol

_STATUS = Path("/proc/self/status")


class Progress(Protocol):
    """Told, from any thread but one at a time, how far the run is."""

    def __call__(self, done: int, total: int) -> None:
        """So many of all users are scored, those of a resumed run included."""


class Tell(Protocol):
    """Told, from any thread but one at a time, what a run does: `users`, `shard`, `written`, `warning`, with fields
    as selfrec.cli.log has them."""

    def __call__(self, event: str, /, **fields: Any) -> None:
        """This happened."""


@dataclass(frozen=True, kw_only=True)
class RunRow:
    """One row of the table of runs; times in UTC, memory in bytes."""

    run_id: str
    model_sha256: str
    source: str
    options: str
    started: datetime
    users: int
    rows: int
    users_per_second: float
    peak_memory: int
    scored: int
    """Users scored by this run; the others' rows were kept."""
    kept: int
    removed: int
    """Users of the run before who are gone."""


class Published(NamedTuple):
    """A result that took the place of the old one."""

    rows: int
    notes: tuple[str, ...] = ()
    """What a person should know of how it stands there, one line each."""


@dataclass(frozen=True, kw_only=True)
class RunSummary:
    """A finished run."""

    run_id: str
    target: str
    """Where the result stands, as a person would name it."""
    users: int
    """Users of the result, those who got no list included."""
    scored: int
    """Users scored; the others' rows were kept."""
    kept: int
    removed: int
    """Users of the run before who are gone."""
    rows: int
    """Rows of the result."""
    cold_users: int
    """Users scored without a history item of the catalog: they got the popularity prior."""
    shards: int
    resumed_shards: int
    """Shards taken over from the run that was killed."""
    resumed_users: int
    """Users of these shards."""
    seconds: float
    """From the call to the finished result."""
    peak_memory: int
    """Bytes: the most memory the process had so far."""
    unknown_items: dict[str, int] = field(default_factory=dict)
    """Ids of each list (deny, allow, boost) that are not in the catalog."""
    notes: tuple[str, ...] = ()
    """What a person should know: why a run was not resumed, for one."""

    @property
    def users_per_second(self) -> float:
        """Users this run scored itself, by its seconds."""
        return (self.scored - self.resumed_users) / self.seconds if self.seconds > 0 else 0.0

    def as_dict(self) -> dict[str, Any]:
        """For --json."""
        return {
            "run_id": self.run_id,
            "target": self.target,
            "users": self.users,
            "scored": self.scored,
            "kept": self.kept,
            "removed": self.removed,
            "rows": self.rows,
            "cold_users": self.cold_users,
            "shards": self.shards,
            "resumed_shards": self.resumed_shards,
            "resumed_users": self.resumed_users,
            "seconds": self.seconds,
            "users_per_second": self.users_per_second,
            "peak_memory": self.peak_memory,
            "unknown_items": self.unknown_items,
            "notes": list(self.notes),
        }


def peak_memory() -> int:
    """Bytes: the most resident memory this process had so far.

    Linux's own count, where there is one: getrusage counts the peak of the process that started this one as well.
    """
    if _STATUS.exists():
        for line in _STATUS.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most * 1024
