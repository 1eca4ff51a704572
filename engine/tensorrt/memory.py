"""What the runtime needs of a GPU: memory, copies, streams, events, graphs; each a plain number.

One small protocol, so that the same runtime works on cuda-python, on pycuda, and on a stand-in that
needs no GPU. Addresses, streams, events and graphs are integers, as the driver and TensorRT have
them.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from ..errors import BackendUnavailable, EcganError, OutOfMemory
from ..types import U8

MIB = 1 << 20


@dataclass(frozen=True)
class Pinned:
    """Host memory that the GPU copies from and to without waiting for the CPU.

    Attributes:
        address: Where it begins.
        bytes: (N,) uint8, the same memory.
    """

    address: int
    bytes: U8


class Device(Protocol):
    """One GPU, and a context on it. Everything but ``close`` is to be called within ``active``.

    Giving something back never raises: after a failure of the GPU nothing can be given back any
    more, and the failure is what the user is told.

    Copies and graphs are put onto a stream and return at once; what they read must stay as it is
    until the stream has come past them.

    Attributes:
        name: "cuda:0".
        library: What talks to the driver: "cuda-python" or "pycuda".
        can_capture: Whether work on a stream can be recorded as a graph.
    """

    name: str
    library: str
    can_capture: bool

    def active(self) -> AbstractContextManager[None]:
        """Make the context current in this thread within the block, and the former one after it."""
        ...

    def alloc(self, size: int) -> int:
        """Device memory of that many bytes, aligned to 256.

        Raises:
            OutOfMemory: There is not so much.
        """
        ...

    def free(self, address: int) -> None:
        """Give device memory back."""
        ...

    def alloc_pinned(self, size: int) -> Pinned:
        """Host memory for copies.

        Raises:
            OutOfMemory: There is not so much.
        """
        ...

    def free_pinned(self, memory: Pinned) -> None:
        """Give it back; nothing may use its array any more."""
        ...

    def upload(self, target: int, source: Pinned, start: int, size: int, stream: int) -> None:
        """Copy bytes ``start`` to ``start + size`` of host memory to a device address."""
        ...

    def download(self, target: Pinned, source: int, size: int, stream: int) -> None:
        """Copy from a device address to the begin of host memory."""
        ...

    def copy(self, target: int, source: int, size: int, stream: int) -> None:
        """Copy within the device."""
        ...

    def make_stream(self) -> int:
        """A stream that does not wait for the default one."""
        ...

    def drop_stream(self, stream: int) -> None:
        """End a stream."""
        ...

    def sync(self, stream: int) -> None:
        """Wait until all that is on a stream is done; raises what failed there."""
        ...

    def make_event(self) -> int:
        """An event that keeps the time."""
        ...

    def drop_event(self, event: int) -> None:
        """Give an event back."""
        ...

    def record(self, event: int, stream: int) -> None:
        """Let the event happen when the stream comes to this place."""
        ...

    def wait(self, stream: int, event: int) -> None:
        """Let the stream wait for the event as it was last recorded."""
        ...

    def sync_event(self, event: int) -> None:
        """Wait until the event, as it was last recorded, has happened."""
        ...

    def elapsed_ms(self, begin: int, end: int) -> float:
        """Milliseconds between two events that have happened."""
        ...

    def begin_capture(self, stream: int) -> None:
        """Record what is put onto the stream from now on, and do not run it."""
        ...

    def end_capture(self, stream: int) -> int:
        """Stop recording; what was recorded, ready to run."""
        ...

    def launch(self, graph: int, stream: int) -> None:
        """Put what was recorded onto a stream."""
        ...

    def drop_graph(self, graph: int) -> None:
        """Give a graph back."""
        ...

    def close(self) -> None:
        """Let go of the context."""
        ...


_OUT_OF_MEMORY = 2  # CUDA_ERROR_OUT_OF_MEMORY
_NOT_FOUND = 500  # CUDA_ERROR_NOT_FOUND


def driver_error(call: str, code: int, name: str) -> EcganError:
    """The error for a call of the driver that failed.

    Args:
        call: The function, "cuMemAlloc".
        code: What it returned.
        name: That code in words, "CUDA_ERROR_OUT_OF_MEMORY".
    """
    if code == _OUT_OF_MEMORY:
        return out_of_gpu_memory()
    if code == _NOT_FOUND:
        return old_driver(call)
    return EcganError(f"the GPU failed: {call} says {name}", hint="ecgan doctor looks at the GPU")


def out_of_gpu_memory(wanted: int | None = None) -> OutOfMemory:
    """The error for device memory that ran out, with the bytes that were asked for."""
    what = "" if wanted is None else f": {max(1, wanted // MIB)} MiB more were needed"
    return OutOfMemory(
        f"the GPU's memory ran out{what}",
        hint="lower --batch (1 takes least), or close what else uses the GPU",
    )


def out_of_pinned_memory(wanted: int) -> OutOfMemory:
    """The error for host memory that the GPU copies from, which cannot be swapped out."""
    return OutOfMemory(
        f"the computer's memory ran out: {max(1, wanted // MIB)} MiB more that stay in it were needed",
        hint="close other programs",
    )


def old_driver(call: str) -> BackendUnavailable:
    """The error for a function that the driver does not have."""
    return BackendUnavailable(
        f"the NVIDIA driver has no '{call}': it is too old",
        hint="install a newer one from nvidia.com/drivers, or use --backend onnxruntime",
    )
