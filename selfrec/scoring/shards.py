"""Shards through the graph: some are read ahead and one is written behind while one is scored."""

from __future__ import annotations

import hashlib
import json
import threading
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from typing import NamedTuple

from selfrec.histories import Float32, Histories
from selfrec.model_folder.manifest import GRAPH_DATA, ITEMS
from selfrec.model_folder.reading import Model
from selfrec.scoring.engines import ENGINES
from selfrec.scoring.kernel import NEVER, Lists, Scorer
from selfrec.scoring.result_parts import IdForm, PartNote, full_lists, hash_shard, id_values, result_table, write_part
from selfrec.scoring.staging import Staging
from selfrec.scoring.summary import Progress, Tell
from selfrec.settings.tables import ScoringSettings
from selfrec.source.reading import HistoryReader
from selfrec.source.user_shard import UserShard

CORES_A_READER = 4
"""Threads that score for one that reads. It could feed nine: 7 us of it a user of 90 items against 65 [measured]."""


class _Read(NamedTuple):
    """A shard that was read; `done` is the note of its part where an earlier run left one."""

    number: int
    inputs: str
    shard: UserShard
    histories: Histories
    done: PartNote | None


@dataclass(frozen=True, kw_only=True)
class ShardWork:
    """What all shards of one run have in common."""

    model: Model
    scorer: Scorer
    reader: HistoryReader
    types: tuple[str, str]
    """SQL types of user and item ids."""
    id_form: IdForm
    """The form of the ids in a part."""
    identity: str
    """Hash of all that a part depends on beside its users (see identity_of)."""


class ShardRun:
    """Scores the shards of a reader into the parts of a staging folder."""

    def __init__(self, work: ShardWork, staging: Staging, progress: Progress | None, tell: Tell | None = None) -> None:
        self.rows = self.cold_users = self.short_lists = self.resumed_shards = self.resumed_users = 0
        self._model, self._scorer, self.reader, self.staging = work.model, work.scorer, work.reader, staging
        self._user_type, self._id_form, self._identity = work.types[0], work.id_form, work.identity
        self._item_ids = id_values(work.model.catalog.item_ids, work.types[1], work.id_form)
        self._progress, self._tell = progress, tell
        self._done = 0
        self._lock = threading.Lock()

    def score(self) -> None:
        """Score every shard that no earlier run has finished."""
        # In memory are, at most, the shards that are read ahead, those that are scored, and one that is written behind.
        # Where cores are many, a second shard begins while the last batches of one run, so that none waits for another;
        # where they are few, that gains less than its memory is worth [measured].
        at_a_time = 1 if self._scorer.threads <= CORES_A_READER else 2
        with ThreadPoolExecutor(1, "selfrec-write") as writer, ThreadPoolExecutor(at_a_time, "selfrec-shard") as pool:
            try:
                self._score_all(pool, at_a_time, writer)
            except BaseException:
                # Nobody waits for another shard to be scored to its end.
                self._scorer.stop()
                raise

    def _score_all(self, pool: ThreadPoolExecutor, at_a_time: int, writer: ThreadPoolExecutor) -> None:
        scoring: deque[tuple[_Read, Future[Lists]]] = deque()
        writing: deque[Future[None]] = deque()
        for read in self._read_ahead():
            if read.done is not None:
                self._resume(read, read.done)
                continue
            scoring.append((read, pool.submit(self._score, read)))
            if len(scoring) == at_a_time:
                self._hand_over(scoring, writing, writer)
        while scoring:
            self._hand_over(scoring, writing, writer)
        while writing:
            writing.popleft().result()

    def _resume(self, read: _Read, done: PartNote) -> None:
        """Count a shard that an earlier run has finished."""
        self.resumed_shards += 1
        self.resumed_users += done.users
        full = full_lists(self.staging.part(read.number), self._scorer.k)
        self._count(read.number, done, short=done.users - full, resumed=True)
        self._advance(done.users)

    def _score(self, read: _Read) -> Lists:
        return self._scorer.score(read.histories, read.shard.seen(read.histories), on_users=self._advance)

    def _hand_over(
        self, scoring: deque[tuple[_Read, Future[Lists]]], writing: deque[Future[None]], writer: ThreadPoolExecutor
    ) -> None:
        """Have the shard that was begun first written, once it is scored and the one before it is written."""
        read, future = scoring.popleft()
        lists = future.result()
        while writing:
            writing.popleft().result()
        writing.append(writer.submit(self._write, read, lists))

    def _read_ahead(self) -> Iterator[_Read]:
        readers = -(-self._scorer.threads // CORES_A_READER)
        numbers = iter(range(self.reader.shards))
        with ThreadPoolExecutor(readers, "selfrec-read") as pool:
            ahead = deque(pool.submit(self._read, number) for number in islice(numbers, readers))
            while ahead:
                read = ahead.popleft().result()
                ahead.extend(pool.submit(self._read, number) for number in islice(numbers, 1))
                yield read

    def _read(self, number: int) -> _Read:
        shard = self.reader.read(number)
        histories = shard.histories(self._model.n_items, self._model.config.cleaning.max_history)
        inputs = hash_shard(shard)
        return _Read(number, inputs, shard, histories, self.staging.reusable(number, inputs))

    def _write(self, read: _Read, lists: Lists) -> None:
        user_ids = id_values(read.shard.user_ids, self._user_type, self._id_form)
        table = result_table(lists, user_ids, self._item_ids)
        note = PartNote(
            identity=self._identity,
            inputs=read.inputs,
            users=len(read.histories),
            cold_users=int((read.histories.lengths == 0).sum()),
            rows=table.num_rows,
        )
        write_part(self.staging.part(read.number), table, note)
        # Empty places come last.
        short = int((lists.scores[:, -1] == NEVER).sum())
        self._count(read.number, note, short=short, resumed=False)

    def _count(self, shard: int, note: PartNote, *, short: int, resumed: bool) -> None:
        with self._lock:
            self.short_lists += short
            self.rows += note.rows
            self.cold_users += note.cold_users
            if self._tell is not None:
                self._tell("shard", shard=shard, users=note.users, rows=note.rows, resumed=resumed)

    def _advance(self, users: int) -> None:
        with self._lock:
            self._done += users
            if self._progress is not None:
                self._progress(self._done, self.reader.users)


def identity_of(
    model: Model, settings: ScoringSettings, bias: Float32, types: tuple[str, str], shards: int, id_form: IdForm
) -> str:
    """Hash of all that a part depends on beside its users: model, options, item rules, the engines' versions."""
    files = {name: model.manifest.files[name].sha256 for name in (ITEMS, GRAPH_DATA) if name in model.manifest.files}
    values = {
        "model": model.sha256,
        "files": files,
        "max_history": model.config.cleaning.max_history,
        "k": settings.k,
        "repeats": settings.repeats,
        "batch_megabytes": settings.batch_megabytes,
        "bias": hashlib.sha256(bias.tobytes()).hexdigest(),
        "types": types,
        "shards": shards,
        "id_form": id_form,
        "engines": ENGINES,
    }
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()
