"""What all networks on one GPU share: the context, two streams, and the crops that lie there."""

from __future__ import annotations

import threading
from typing import Protocol

from .memory import Device
from .residents import Residents


class Closable(Protocol):
    """A network that is closed with its session."""

    def close(self) -> None: ...


class Session:
    """Opened with the first network on a GPU, and closed with the last.

    Uploads have a stream of their own, so that the next picture travels while this one is computed.
    All networks compute on the other one: what one leaves in device memory, the next one finds.

    Args:
        device: The GPU; the session closes it.

    Attributes:
        device: The GPU.
        lock: Held by whoever puts work onto the streams.
        upload: Stream of the copies to the device.
        compute: Stream of everything else.
        residents: Crops that lie on the device.
        users: Networks that are open.
    """

    def __init__(self, device: Device) -> None:
        self.device = device
        self.lock = threading.RLock()
        self.users: list[Closable] = []
        self.is_closed = False
        try:
            with device.active():
                self.upload, self.compute = _two_streams(device)
        except BaseException:
            device.close()
            raise
        self.residents = Residents(device, self.compute)

    def leave(self, user: Closable) -> None:
        """A network is closed; with the last one the session ends."""
        with self.lock:
            self.users.remove(user)
            self.end_if_unused()

    def close(self) -> None:
        """Close all networks, and with them the session."""
        for user in list(self.users):
            user.close()

    def end_if_unused(self) -> None:
        """End the session where no network is open."""
        with self.lock:
            if not self.users and not self.is_closed:
                self._end()

    def _end(self) -> None:
        self.is_closed = True
        with self.device.active():
            self.residents.close()
            self.device.drop_stream(self.upload)
            self.device.drop_stream(self.compute)
        self.device.close()


def _two_streams(device: Device) -> tuple[int, int]:
    first = device.make_stream()
    try:
        return first, device.make_stream()
    except BaseException:
        device.drop_stream(first)
        raise
