"""The GPU through pycuda, for programs that hold a pycuda context already.

The context that is current when the device is opened is used; where there is none, the primary one,
which torch uses too. pycuda knows no stream capture, so there are no graphs.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from types import TracebackType
from typing import Any, NoReturn

import numpy as np

from ..errors import BackendUnavailable, EcganError, OutOfMemory, one_line
from .memory import Pinned, driver_error, out_of_gpu_memory, out_of_pinned_memory

_log = logging.getLogger(__name__)

_NON_BLOCKING = 1  # CU_STREAM_NON_BLOCKING


class PycudaDevice:
    """A GPU by pycuda. See ``Device`` for what each method does.

    Args:
        index: Number of the GPU, for where no context is current.

    Raises:
        BackendUnavailable: pycuda is not there, or the GPU of its context is another.
    """

    library = "pycuda"
    can_capture = False

    def __init__(self, index: int) -> None:
        try:
            import pycuda.driver as driver
        except ImportError as error:
            raise BackendUnavailable(
                f"pycuda cannot be imported: {error}", hint="pip install 'ecgan[pycuda]'"
            ) from error
        self.name = f"cuda:{index}"
        self._driver: Any = driver
        self._run(driver.init)
        context = driver.Context.get_current()
        self._retained: Any = None
        if context is None:
            context = self._retained = self._run(driver.Device(index).retain_primary_context)
        self._active = _Active(driver, context)
        with self._active:
            found = driver.Context.get_device()
        if found != driver.Device(index):
            raise BackendUnavailable(
                f"the pycuda context of this program is on another GPU than '{self.name}'",
                hint="make the context on that GPU, or ask for the other with --device",
            )
        self._memory: dict[int, Any] = {}
        self._pinned: dict[int, Any] = {}
        self._streams: dict[int, Any] = {}
        self._events: dict[int, Any] = {}

    def active(self) -> _Active:
        return self._active

    def alloc(self, size: int) -> int:
        try:
            memory = self._driver.mem_alloc(size)
        except self._driver.MemoryError as error:
            raise out_of_gpu_memory(size) from error
        self._memory[int(memory)] = memory
        return int(memory)

    def free(self, address: int) -> None:
        self._give_back(self._memory.pop(address).free)

    def alloc_pinned(self, size: int) -> Pinned:
        try:
            memory = self._run(self._driver.pagelocked_empty, size, np.uint8)
        except OutOfMemory as error:
            raise out_of_pinned_memory(size) from error
        address = int(memory.ctypes.data)
        self._pinned[address] = memory.base
        return Pinned(address, memory)

    def free_pinned(self, memory: Pinned) -> None:
        self._give_back(self._pinned.pop(memory.address).free)

    def upload(self, target: int, source: Pinned, start: int, size: int, stream: int) -> None:
        part = source.bytes[start : start + size]
        self._run(self._driver.memcpy_htod_async, target, part, self._streams[stream])

    def download(self, target: Pinned, source: int, size: int, stream: int) -> None:
        part = target.bytes[:size]
        self._run(self._driver.memcpy_dtoh_async, part, source, self._streams[stream])

    def copy(self, target: int, source: int, size: int, stream: int) -> None:
        self._run(self._driver.memcpy_dtod_async, target, source, size, self._streams[stream])

    def make_stream(self) -> int:
        stream = self._run(self._driver.Stream, _NON_BLOCKING)
        self._streams[int(stream.handle)] = stream
        return int(stream.handle)

    def drop_stream(self, stream: int) -> None:
        del self._streams[stream]  # pycuda destroys what nobody refers to

    def sync(self, stream: int) -> None:
        self._run(self._streams[stream].synchronize)

    def make_event(self) -> int:
        event = self._run(self._driver.Event)
        self._events[id(event)] = event
        return id(event)

    def drop_event(self, event: int) -> None:
        del self._events[event]

    def record(self, event: int, stream: int) -> None:
        self._run(self._events[event].record, self._streams[stream])

    def wait(self, stream: int, event: int) -> None:
        self._run(self._streams[stream].wait_for_event, self._events[event])

    def sync_event(self, event: int) -> None:
        self._run(self._events[event].synchronize)

    def elapsed_ms(self, begin: int, end: int) -> float:
        return float(self._run(self._events[begin].time_till, self._events[end]))

    def begin_capture(self, stream: int) -> NoReturn:
        raise EcganError("pycuda cannot record graphs")

    def end_capture(self, stream: int) -> NoReturn:
        raise EcganError("pycuda cannot record graphs")

    def launch(self, graph: int, stream: int) -> NoReturn:
        raise EcganError("pycuda cannot record graphs")

    def drop_graph(self, graph: int) -> NoReturn:
        raise EcganError("pycuda cannot record graphs")

    def close(self) -> None:
        if self._retained is not None:  # any other is the caller's
            self._give_back(self._retained.detach)
        self._retained = None

    def _give_back(self, call: Callable[[], Any]) -> None:
        try:
            call()
        except self._driver.Error as error:
            _log.debug("%s", error)

    def _run(self, call: Callable[..., Any], *arguments: Any) -> Any:
        """Call pycuda, with its errors turned into ours."""
        name = call.__name__
        try:
            return call(*arguments)
        except self._driver.MemoryError as error:
            raise out_of_gpu_memory() from error
        except self._driver.Error as error:
            raise driver_error(name, -1, f"'{one_line(error)}'") from error
        finally:
            # pycuda gives back what nobody refers to, and an error refers to all that is named here
            del call, arguments


class _Active:
    """Pushes the context in this thread and pops it: what the caller had is as it was."""

    def __init__(self, driver: Any, context: Any) -> None:
        self._driver, self._context = driver, context

    def __enter__(self) -> None:
        self._context.push()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._driver.Context.pop()
