"""The GPU through cuda-python's driver calls, on the primary context.

That is the context which torch and TensorRT's own CUDA runtime use, so all of them can live in one
process.
"""

from __future__ import annotations

import ctypes
import logging
from types import TracebackType
from typing import Any

import numpy as np

from ..errors import BackendUnavailable, EcganError, OutOfMemory
from .memory import (
    Pinned,
    driver_error,
    old_driver,
    out_of_gpu_memory,
    out_of_pinned_memory,
)

_log = logging.getLogger(__name__)

_PORTABLE = 1  # CU_MEMHOSTALLOC_PORTABLE


class CudaPythonDevice:
    """A GPU by cuda-python. See ``Device`` for what each method does.

    Args:
        index: Number of the GPU.

    Raises:
        BackendUnavailable: cuda-python is not there, or the driver does not do what is needed.
    """

    library = "cuda-python"
    can_capture = True

    def __init__(self, index: int) -> None:
        try:
            from cuda.bindings import driver
        except ImportError as error:
            raise BackendUnavailable(
                f"cuda-python cannot be imported: {error}", hint="pip install 'ecgan[rtx]'"
            ) from error
        self.name = f"cuda:{index}"
        self._driver: Any = driver
        self._call("cuInit", 0)
        self._ordinal = self._call("cuDeviceGet", index)
        self._context = self._call("cuDevicePrimaryCtxRetain", self._ordinal)
        self._active = _Active(self, self._context)
        self._graphs: dict[int, Any] = {}

    def active(self) -> _Active:
        return self._active

    def alloc(self, size: int) -> int:
        try:
            return int(self._call("cuMemAlloc", size))
        except OutOfMemory as error:
            raise out_of_gpu_memory(size) from error

    def free(self, address: int) -> None:
        self._give_back("cuMemFree", address)

    def alloc_pinned(self, size: int) -> Pinned:
        try:
            address = int(self._call("cuMemHostAlloc", size, _PORTABLE))
        except OutOfMemory as error:
            raise out_of_pinned_memory(size) from error
        return Pinned(address, _host_view(address, size))

    def free_pinned(self, memory: Pinned) -> None:
        self._give_back("cuMemFreeHost", memory.address)

    def upload(self, target: int, source: Pinned, start: int, size: int, stream: int) -> None:
        self._call("cuMemcpyHtoDAsync", target, source.address + start, size, stream)

    def download(self, target: Pinned, source: int, size: int, stream: int) -> None:
        self._call("cuMemcpyDtoHAsync", target.address, source, size, stream)

    def copy(self, target: int, source: int, size: int, stream: int) -> None:
        self._call("cuMemcpyDtoDAsync", target, source, size, stream)

    def make_stream(self) -> int:
        return int(self._call("cuStreamCreate", self._driver.CUstream_flags.CU_STREAM_NON_BLOCKING))

    def drop_stream(self, stream: int) -> None:
        self._give_back("cuStreamDestroy", stream)

    def sync(self, stream: int) -> None:
        self._call("cuStreamSynchronize", stream)

    def make_event(self) -> int:
        return int(self._call("cuEventCreate", self._driver.CUevent_flags.CU_EVENT_DEFAULT))

    def drop_event(self, event: int) -> None:
        self._give_back("cuEventDestroy", event)

    def record(self, event: int, stream: int) -> None:
        self._call("cuEventRecord", event, stream)

    def wait(self, stream: int, event: int) -> None:
        self._call("cuStreamWaitEvent", stream, event, 0)

    def sync_event(self, event: int) -> None:
        self._call("cuEventSynchronize", event)

    def elapsed_ms(self, begin: int, end: int) -> float:
        return float(self._call("cuEventElapsedTime", begin, end))

    def begin_capture(self, stream: int) -> None:
        # Other threads of the program, torch's among them, go on as they like meanwhile.
        mode = self._driver.CUstreamCaptureMode.CU_STREAM_CAPTURE_MODE_THREAD_LOCAL
        self._call("cuStreamBeginCapture", stream, mode)

    def end_capture(self, stream: int) -> int:
        recorded = self._call("cuStreamEndCapture", stream)
        try:
            ready = self._call("cuGraphInstantiate", recorded, 0)
        finally:
            self._call("cuGraphDestroy", recorded)
        self._graphs[int(ready)] = ready
        return int(ready)

    def launch(self, graph: int, stream: int) -> None:
        self._call("cuGraphLaunch", self._graphs[graph], stream)

    def drop_graph(self, graph: int) -> None:
        self._give_back("cuGraphExecDestroy", self._graphs.pop(graph))

    def close(self) -> None:
        self._give_back("cuDevicePrimaryCtxRelease", self._ordinal)

    def _call(self, name: str, *arguments: Any) -> Any:
        """Call the driver and return what it gives besides its status."""
        try:
            status, *values = getattr(self._driver, name)(*arguments)
        except RuntimeError as error:  # what cuda-python says to a function that is not there
            raise old_driver(name) from error
        if status != 0:
            raise self._error(name, status)
        return values[0] if values else None

    def _give_back(self, name: str, *arguments: Any) -> None:
        try:
            self._call(name, *arguments)
        except EcganError as error:
            _log.debug("%s", error)

    def _error(self, call: str, status: Any) -> EcganError:
        return driver_error(call, int(status), getattr(status, "name", str(status)))


class _Active:
    """Pushes the context in this thread and pops it: what the caller had is as it was."""

    def __init__(self, device: CudaPythonDevice, context: Any) -> None:
        self._device, self._context = device, context

    def __enter__(self) -> None:
        self._device._call("cuCtxPushCurrent", self._context)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._device._call("cuCtxPopCurrent")


def _host_view(address: int, size: int) -> np.ndarray[Any, np.dtype[np.uint8]]:
    return np.ctypeslib.as_array((ctypes.c_uint8 * size).from_address(address))
