"""Two small helpers that let decoding and encoding run beside the networks with bounded memory.

FFmpeg and ONNX Runtime release Python's lock while they compute, so threads really run in parallel.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from typing import Any, Generic, Self, TypeVar

T = TypeVar("T")

_POLL_S = 0.1
_END: Any = object()


class _Bounded(Generic[T]):
    """A bounded queue between this thread and one worker, which can be torn down from either side.

    The worker runs inside the ``with`` block only.
    """

    def __init__(self, work: Callable[[], None], depth: int, name: str) -> None:
        self._work = work
        self._queue: queue.Queue[T] = queue.Queue(depth)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name)
        self._error: BaseException | None = None

    def _run(self) -> None:
        try:
            self._work()
        except BaseException as error:  # noqa: BLE001  raised in the other thread
            self._error = error

    def _join(self) -> None:
        """Wait until the worker has ended, and raise what ended it."""
        self._thread.join()
        if self._error is not None:
            raise self._error

    def _put(self, item: T) -> bool:
        """Wait for room; False when the other side has gone."""
        while not self._stop.is_set():
            try:
                self._queue.put(item, timeout=_POLL_S)
            except queue.Full:
                continue
            return True
        return False

    def close(self) -> None:
        """Stop the worker and wait until it has ended; what is queued is thrown away."""
        self._stop.set()
        with suppress(RuntimeError):  # it never started
            self._thread.join()
        while not self._queue.empty():
            self._queue.get_nowait()

    def __enter__(self) -> Self:
        try:
            self._thread.start()
        except BaseException:  # Ctrl-C: the thread may run already, and nobody else would end it
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Prefetch(_Bounded[T]):
    """Runs an iterable in a thread, at most ``depth`` items ahead of the reader.

    Args:
        items: What to iterate over; an exception in it is raised here, at its place in the order.
        depth: How many items may wait.
        name: Name of the thread.
    """

    def __init__(self, items: Iterable[T], depth: int, name: str) -> None:
        super().__init__(self._fill, depth, name)
        self._items = items

    def _fill(self) -> None:
        try:
            for item in self._items:
                if not self._put(item):
                    return
        finally:
            self._put(_END)

    def __iter__(self) -> Iterator[T]:
        while (item := self._queue.get()) is not _END:
            yield item
        self._join()


class Sink(_Bounded[T]):
    """Hands items to a function in a thread, with at most ``depth`` of them waiting.

    Args:
        take: Called with one item after the other.
        depth: How many items may wait.
        name: Name of the thread.
    """

    def __init__(self, take: Callable[[T], None], depth: int, name: str) -> None:
        super().__init__(self._drain, depth, name)
        self._take = take

    def _drain(self) -> None:
        try:
            while not self._stop.is_set():
                try:
                    item = self._queue.get(timeout=_POLL_S)
                except queue.Empty:
                    continue
                if item is _END:
                    return
                self._take(item)
        finally:
            self._stop.set()

    def put(self, item: T) -> None:
        """Queue an item; raises what the function raised, if it has."""
        if not self._put(item):
            self._join()

    def finish(self) -> None:
        """Wait until every item was taken; raises what the function raised."""
        self._put(_END)
        self._join()
