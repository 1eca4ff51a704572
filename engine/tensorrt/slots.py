"""Memory of one batch on its way through a network: staging on the host, buffers on the device."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING

import numpy as np

from ..backends.base import Array, TensorSpec
from .memory import Device, Pinned
from .session import Session

if TYPE_CHECKING:
    from .runner import Ticket


@dataclass(frozen=True)
class OnDevice:
    """Rows that lie in device memory, one after the other.

    Attributes:
        address: Of the first.
        count: How many.
    """

    address: int
    count: int


Feed = Array | Sequence[Array] | OnDevice
"""One input of a batch: one array, its rows, or where they lie."""


class Buffer:
    """One tensor at the largest batch: device memory, and pinned memory to copy it from or to.

    Args:
        device: The GPU.
        spec: The tensor's.
        batch: The largest batch.
    """

    def __init__(self, device: Device, spec: TensorSpec, batch: int) -> None:
        self._device = device
        shape = tuple(size or 1 for size in spec.shape[1:])
        self.row_bytes = prod(shape) * spec.dtype.itemsize
        self.address = device.alloc(self.row_bytes * batch)
        try:
            self.pinned: Pinned = device.alloc_pinned(self.row_bytes * batch)
        except BaseException:
            device.free(self.address)
            raise
        self.rows: Array = self.pinned.bytes.view(spec.dtype).reshape(batch, *shape)

    def close(self) -> None:
        """Give both back."""
        self._device.free(self.address)
        self._device.free_pinned(self.pinned)


class Slot:
    """All tensors of one batch, and the events that tell how far it is.

    Args:
        session: Of the GPU.
        inputs: Specs by name.
        outputs: Specs by name.
        batch: The largest batch.
    """

    EVENTS = ("begin", "uploaded", "started", "computed", "done")

    def __init__(
        self,
        session: Session,
        inputs: Mapping[str, TensorSpec],
        outputs: Mapping[str, TensorSpec],
        batch: int,
    ) -> None:
        self._session = session
        self.inputs: dict[str, Buffer] = {}
        self.outputs: dict[str, Buffer] = {}
        self.events: dict[str, int] = {}
        self.ticket: Ticket | None = None
        device = session.device
        try:
            for buffers, specs in ((self.inputs, inputs), (self.outputs, outputs)):
                for name, spec in specs.items():
                    buffers[name] = Buffer(device, spec, batch)
            for event in self.EVENTS:
                self.events[event] = device.make_event()
        except BaseException:
            self.close()
            raise

    def fill(self, feeds: Mapping[str, Feed]) -> None:
        """Put the uploads of a batch onto their stream, and the copies of what is there already."""
        session = self._session
        device, events = session.device, self.events
        copies: list[tuple[int, int, int]] = []
        kept: list[tuple[Array, int]] = []
        device.record(events["begin"], session.upload)
        for name, feed in feeds.items():
            buffer = self.inputs[name]
            if isinstance(feed, OnDevice):
                copies.append((buffer.address, feed.address, feed.count * buffer.row_bytes))
            elif isinstance(feed, np.ndarray):
                buffer.rows[: len(feed)] = feed
                size = len(feed) * buffer.row_bytes
                device.upload(buffer.address, buffer.pinned, 0, size, session.upload)
            else:
                self._fill_rows(buffer, feed, copies, kept)
        device.record(events["uploaded"], session.upload)
        device.wait(session.compute, events["uploaded"])
        for target, source, size in copies:
            device.copy(target, source, size, session.compute)
        for row, address in kept:
            session.residents.keep(row, address)

    def _fill_rows(
        self,
        buffer: Buffer,
        rows: Sequence[Array],
        copies: list[tuple[int, int, int]],
        kept: list[tuple[Array, int]],
    ) -> None:
        """Upload the rows that are not on the device, neighbours together."""
        session, size = self._session, buffer.row_bytes
        begin = 0
        for index, row in enumerate(rows):
            here = session.residents.find(row)
            if here is None:
                buffer.rows[index] = row
                kept.append((row, buffer.address + index * size))
                continue
            self._upload(buffer, begin, index)
            begin = index + 1
            copies.append((buffer.address + index * size, here, size))
        self._upload(buffer, begin, len(rows))

    def _upload(self, buffer: Buffer, begin: int, end: int) -> None:
        if end > begin:
            start = begin * buffer.row_bytes
            size = end * buffer.row_bytes - start
            self._session.device.upload(
                buffer.address + start, buffer.pinned, start, size, self._session.upload
            )

    def drain(self, count: int) -> None:
        """Put the downloads of a batch onto the stream."""
        device, stream = self._session.device, self._session.compute
        for buffer in self.outputs.values():
            device.download(buffer.pinned, buffer.address, count * buffer.row_bytes, stream)
        device.record(self.events["done"], stream)

    def take(self, count: int) -> dict[str, Array]:
        """What came down, as arrays of their own."""
        return {name: buffer.rows[:count].copy() for name, buffer in self.outputs.items()}

    def parts_ms(self) -> dict[str, float]:
        """Milliseconds that upload, computing and download of the last batch took."""
        device, at = self._session.device, self.events
        return {
            "upload": device.elapsed_ms(at["begin"], at["uploaded"]),
            "compute": device.elapsed_ms(at["started"], at["computed"]),
            "download": device.elapsed_ms(at["computed"], at["done"]),
        }

    def close(self) -> None:
        """Give everything back; the streams must have come past it."""
        for buffer in (*self.inputs.values(), *self.outputs.values()):
            buffer.close()
        for event in self.events.values():
            self._session.device.drop_event(event)
        self.inputs, self.outputs, self.events = {}, {}, {}
