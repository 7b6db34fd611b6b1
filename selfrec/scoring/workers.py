"""Threads that run batches: each takes the next one from a queue until there is none."""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from typing import Generic, TypeVar

Task = TypeVar("Task")


class Workers(Generic[Task]):
    """So many threads for every call of `run_all`; several calls may be under way at once.

    Where two calls are, a core that finds nothing more to do of the one begins the other.
    """

    def __init__(self, threads: int) -> None:
        self.threads = threads
        self._lock = threading.Lock()
        self._pool: ThreadPoolExecutor | None = None
        self._process = os.getpid()
        self._queues: set[_Queue[Task]] = set()
        self._stopped = False

    def run_all(self, run: Callable[[Task], None], tasks: Sequence[Task]) -> None:
        """Run all of them; the first failure leaves those that have not begun, and is raised.

        Raises RuntimeError once `stop` was called.
        """
        queue = _Queue(tasks)
        with self._lock:
            self._queues.add(queue)
            if self._stopped:
                queue.close()
        try:
            if self.threads == 1 or (len(tasks) <= 1 and self._pool is None):
                queue.drain(run)
            else:
                pool = self._threads()
                pending = [pool.submit(queue.drain, run) for _ in range(min(self.threads, len(tasks)))]
                wait(pending)
                for future in pending:
                    future.result()
        except BaseException:
            queue.close()
            raise
        finally:
            with self._lock:
                self._queues.discard(queue)
        if self._stopped:
            raise RuntimeError("the scorer was stopped")

    def stop(self) -> None:
        """Have every call end after what runs now, with a RuntimeError. For good."""
        with self._lock:
            self._stopped = True
            for queue in self._queues:
                queue.close()

    def _threads(self) -> ThreadPoolExecutor:
        with self._lock:
            # A fork has none of the threads.
            if self._pool is None or self._process != os.getpid():
                self._pool = ThreadPoolExecutor(self.threads, thread_name_prefix="selfrec-score")
                self._process = os.getpid()
            return self._pool


class _Queue(Generic[Task]):
    """Tasks that several threads take from."""

    def __init__(self, tasks: Iterable[Task]) -> None:
        self._tasks, self._lock = deque(tasks), threading.Lock()

    def drain(self, run: Callable[[Task], None]) -> None:
        """Run tasks until there are none; a failure leaves none to the other threads."""
        while (task := self._next()) is not None:
            try:
                run(task)
            except BaseException:
                self.close()
                raise

    def close(self) -> None:
        """Leave nothing to anyone."""
        with self._lock:
            self._tasks.clear()

    def _next(self) -> Task | None:
        with self._lock:
            return self._tasks.popleft() if self._tasks else None
