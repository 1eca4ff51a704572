"""Crops that lie on the GPU already: the segmenter's crops are the generator's too.

Between the two, the CPU works on the mask, so the mask travels; the crop need not. A crop is known
again by being the same array. That is sure only for one that nobody can change, so only read-only
arrays that own their memory are kept.
"""

from __future__ import annotations

import weakref

from ..types import CROP_SIZE, U8
from .memory import Device

CELLS = 64
"""Crops that are kept; the oldest makes room."""
CELL_BYTES = CROP_SIZE * CROP_SIZE * 3


class Residents:
    """A ring of crops in device memory, for one stream: order on it is what makes reuse safe.

    Args:
        device: The GPU.
        stream: On which crops are copied in, and read.
    """

    def __init__(self, device: Device, stream: int) -> None:
        self._device, self._stream = device, stream
        self._base = 0
        self._next = 0
        self._cells: dict[int, tuple[weakref.ref[U8], int]] = {}  # id of the array -> it, its cell
        self._owners: list[int | None] = [None] * CELLS

    def find(self, row: U8) -> int | None:
        """Address of a crop, or None; good until the next ``keep``, and on the stream beyond it."""
        found = self._cells.get(id(row))
        if found is None or found[0]() is not row:  # a number is used again when its array is gone
            return None
        return self._base + found[1] * CELL_BYTES

    def keep(self, row: U8, source: int) -> None:
        """Copy a crop, which lies at a device address when the stream comes here, into the ring."""
        if row.flags.writeable or not row.flags.owndata or row.nbytes != CELL_BYTES:
            return
        if not self._base:
            self._base = self._device.alloc(CELLS * CELL_BYTES)
        cell = self._next
        self._next = (cell + 1) % CELLS
        former = self._owners[cell]
        if former is not None and self._cells.get(former, (None, -1))[1] == cell:
            del self._cells[former]
        self._owners[cell] = id(row)
        self._cells[id(row)] = weakref.ref(row), cell
        self._device.copy(self._base + cell * CELL_BYTES, source, CELL_BYTES, self._stream)

    def close(self) -> None:
        """Give the memory back."""
        if self._base:
            self._device.free(self._base)
        self._base = 0
        self._cells.clear()
