"""A stand-in for a GPU: device memory is NumPy memory, and a stream runs as late as it may.

A real GPU is often quick enough to hide a missing wait. Here nothing that is put onto a stream
happens before somebody waits for it, so memory that is read too early, or written again too early,
gives wrong bytes every time. Fresh memory is full of junk, and memory given back is an error to touch.
"""

from __future__ import annotations

import contextlib
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from ..errors import EcganError
from ..types import U8
from .memory import Pinned

JUNK = 0xCD
_ALIGNMENT = 256

Work = Callable[[], None]


@dataclass(eq=False)
class _Moment:
    """One recording of an event: where it stands, and when it happened."""

    stream: int
    at: float | None = None


class FakeDevice:
    """A GPU of NumPy memory. See ``Device`` for what each method does.

    Args:
        idle: Copy and compute nothing, for measuring what the runtime itself costs.

    Attributes:
        live: Things that were made and not given back: kind -> how many.
    """

    name = "cuda:0"
    library = "fake"
    can_capture = True

    def __init__(self, *, idle: bool = False) -> None:
        self.live = dict.fromkeys(("memory", "pinned", "streams", "events", "graphs"), 0)
        self._idle = idle
        self._memory: dict[int, U8] = {}
        self._queues: dict[int, deque[Work]] = {}
        self._events: dict[int, _Moment | None] = {}
        self._graphs: dict[int, list[Work]] = {}
        self._recording: dict[int, list[Work]] = {}
        self._broken: Exception | None = None
        self._depth = 0
        self._last = 0

    @contextlib.contextmanager
    def active(self) -> Iterator[None]:
        self._depth += 1
        try:
            yield
        finally:
            self._depth -= 1

    # --- memory ---------------------------------------------------------------------------------

    def alloc(self, size: int) -> int:
        self._check_active()
        room = np.full(size + _ALIGNMENT, JUNK, np.uint8)
        skip = -room.ctypes.data % _ALIGNMENT
        memory = room[skip : skip + size]
        self._memory[int(memory.ctypes.data)] = memory
        self.live["memory"] += 1
        return int(memory.ctypes.data)

    def free(self, address: int) -> None:
        self._check_active()
        del self._memory[address]
        self.live["memory"] -= 1

    def alloc_pinned(self, size: int) -> Pinned:
        self._check_active()
        self.live["pinned"] += 1
        memory = np.full(size, JUNK, np.uint8)
        return Pinned(int(memory.ctypes.data), memory)

    def free_pinned(self, memory: Pinned) -> None:
        self._check_active()
        memory.bytes.fill(JUNK)
        self.live["pinned"] -= 1

    def view(self, address: int, size: int) -> U8:
        """The device memory at an address.

        Raises:
            EcganError: It is not memory that is in use.
        """
        for begin, memory in self._memory.items():
            start = address - begin
            if start >= 0 and start + size <= len(memory):
                return memory[start : start + size]
        raise EcganError(f"no device memory of {size} bytes at {address:#x}")

    # --- work -----------------------------------------------------------------------------------

    def upload(self, target: int, source: Pinned, start: int, size: int, stream: int) -> None:
        def work() -> None:
            self.view(target, size)[:] = source.bytes[start : start + size]

        self.put(stream, work)

    def download(self, target: Pinned, source: int, size: int, stream: int) -> None:
        def work() -> None:
            target.bytes[:size] = self.view(source, size)

        self.put(stream, work)

    def copy(self, target: int, source: int, size: int, stream: int) -> None:
        def work() -> None:
            self.view(target, size)[:] = self.view(source, size)

        self.put(stream, work)

    def put(self, stream: int, work: Work) -> None:
        """Put any work onto a stream: what a kernel would be."""
        self._check_active()
        if stream in self._recording:
            self._recording[stream].append(work)
        elif not self._idle:
            self._queues[stream].append(work)

    # --- streams and events ---------------------------------------------------------------------

    def make_stream(self) -> int:
        self._check_active()
        stream = self._number()
        self._queues[stream] = deque()
        self.live["streams"] += 1
        return stream

    def drop_stream(self, stream: int) -> None:
        self._check_active()
        del self._queues[stream]
        self.live["streams"] -= 1

    def sync(self, stream: int) -> None:
        self._check_active()
        while self._queues[stream]:
            self._step(stream)

    def make_event(self) -> int:
        self._check_active()
        event = self._number()
        self._events[event] = None
        self.live["events"] += 1
        return event

    def drop_event(self, event: int) -> None:
        self._check_active()
        del self._events[event]
        self.live["events"] -= 1

    def record(self, event: int, stream: int) -> None:
        moment = self._events[event] = _Moment(stream)

        def work() -> None:
            moment.at = time.perf_counter()

        if self._idle:
            work()
        self.put(stream, work)

    def wait(self, stream: int, event: int) -> None:
        moment = self._events[event]
        if moment is not None:
            self.put(stream, lambda: self._until(moment))

    def sync_event(self, event: int) -> None:
        self._check_active()
        moment = self._events[event]
        if moment is not None:
            self._until(moment)

    def elapsed_ms(self, begin: int, end: int) -> float:
        first, last = self._events[begin], self._events[end]
        if first is None or last is None or first.at is None or last.at is None:
            raise EcganError("an event has not happened yet")
        return 1000 * (last.at - first.at)

    def _until(self, moment: _Moment) -> None:
        while moment.at is None:
            self._step(moment.stream)

    def _step(self, stream: int) -> None:
        """Run what is next on a stream. A failure stays, as on a GPU, whose context it ends."""
        if self._broken is not None:
            raise self._broken
        try:
            self._queues[stream].popleft()()
        except Exception as error:
            self._broken = error
            raise

    # --- graphs ---------------------------------------------------------------------------------

    def begin_capture(self, stream: int) -> None:
        self._check_active()
        self._recording[stream] = []

    def end_capture(self, stream: int) -> int:
        self._check_active()
        graph = self._number()
        self._graphs[graph] = self._recording.pop(stream)
        self.live["graphs"] += 1
        return graph

    def launch(self, graph: int, stream: int) -> None:
        for work in self._graphs[graph]:
            self.put(stream, work)

    def drop_graph(self, graph: int) -> None:
        self._check_active()
        del self._graphs[graph]
        self.live["graphs"] -= 1

    def close(self) -> None:
        """Nothing is held."""

    def _number(self) -> int:
        self._last += 1
        return self._last

    def _check_active(self) -> None:
        if not self._depth:
            raise EcganError("no context is current")
