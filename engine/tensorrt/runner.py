"""Runs one network: batches go in, and their results are fetched later.

Two batches can be on their way, each in a slot of memory of its own, so one uploads while the other
is computed. A result is fetched when it is asked for, or when its slot is needed again.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress

from ..backends.base import Array, TensorSpec
from ..errors import EcganError
from .lanes import Lanes
from .loaded import LoadedEngine
from .session import Session
from .slots import Feed, OnDevice, Slot

SLOTS = 2


class Ticket:
    """A batch on its way.

    Args:
        runner: What computes it.
        index: Number of its slot.
        count: How many rows it has.
    """

    def __init__(self, runner: Runner, index: int, count: int) -> None:
        self._runner, self.index, self.count = runner, index, count
        self.outputs: dict[str, Array] | None = None
        self.error: BaseException | None = None

    def result(self) -> dict[str, Array]:
        """Wait for it.

        Returns:
            Output name -> array.

        Raises:
            EcganError: It failed, or the network was closed before it was fetched.
        """
        self._runner.fetch(self)
        if self.error is not None:
            raise self.error
        if self.outputs is None:
            raise EcganError("the model is closed")
        return self.outputs


class Runner:
    """One network on one GPU. Its methods may be called from any thread.

    Args:
        session: Of the GPU; the runner joins it, and leaves it when closed.
        engine: The network; the runner closes it.
        graphs: Whether to record CUDA graphs, one for each batch size and slot.

    Attributes:
        inputs: Name -> spec, in the model's order.
        outputs: Name -> spec, in the model's order.
        max_batch: Most rows at once.

    Raises:
        OutOfMemory: There is no room for the buffers.
    """

    def __init__(self, session: Session, engine: LoadedEngine, *, graphs: bool = True) -> None:
        self._session, self._engine = session, engine
        self.inputs: Mapping[str, TensorSpec] = engine.inputs
        self.outputs: Mapping[str, TensorSpec] = engine.outputs
        self.max_batch = engine.max_batch
        self._lanes = Lanes(session, engine, graphs=graphs)
        self._slots: list[Slot] = []
        self._next = 0
        self._last = 0
        self._is_closed = False
        session.users.append(self)
        try:
            with session.lock, session.device.active():
                for _ in range(SLOTS):
                    self._slots.append(Slot(session, self.inputs, self.outputs, self.max_batch))
        except BaseException:
            self.close()
            raise

    def submit(self, feeds: Mapping[str, Feed], count: int) -> Ticket:
        """Put a batch onto the streams and return at once.

        Args:
            feeds: Every input, of the type and shape that ``inputs`` says; they may be changed as
                soon as this returns.
            count: How many rows each has, 1 to ``max_batch``.

        Raises:
            OutOfMemory: The GPU's memory ran out.
            EcganError: The GPU or TensorRT failed, or the network is closed.
        """
        session, index = self._session, self._next
        with session.lock:
            if self._is_closed:
                raise EcganError("the model is closed")
            slot = self._slots[index]
            with session.device.active():
                if slot.ticket is not None:
                    self._collect(slot.ticket)
                try:
                    slot.fill(feeds)
                    session.device.record(slot.events["started"], session.compute)
                    self._lanes.run(count, index, slot)
                    session.device.record(slot.events["computed"], session.compute)
                    slot.drain(count)
                except BaseException:
                    self._settle()
                    raise
            ticket = slot.ticket = Ticket(self, index, count)
            self._next = (index + 1) % SLOTS
            return ticket

    def on_device(self, ticket: Ticket, name: str) -> OnDevice:
        """Where an input or output of a batch lies: for the next network, within one lock."""
        slot = self._slots[ticket.index]
        buffer = slot.inputs.get(name) or slot.outputs[name]
        return OnDevice(buffer.address, ticket.count)

    def fetch(self, ticket: Ticket) -> None:
        """Wait for a batch, unless that was done."""
        with self._session.lock:
            if ticket.outputs is None and ticket.error is None and not self._is_closed:
                with self._session.device.active():
                    self._collect(ticket)

    def parts_ms(self) -> dict[str, float]:
        """Milliseconds that upload, computing and download of the last batch fetched took."""
        with self._session.lock, self._session.device.active():
            return self._slots[self._last].parts_ms()

    def close(self) -> None:
        """Give everything back. What was not fetched is lost. May be called twice."""
        session = self._session
        with session.lock:
            if self._is_closed:
                return
            self._is_closed = True
            with session.device.active():
                self._settle()
                self._lanes.close()
                for slot in self._slots:
                    slot.ticket = None
                    slot.close()
                self._engine.close()
            session.leave(self)

    def _collect(self, ticket: Ticket) -> None:
        slot = self._slots[ticket.index]
        slot.ticket = None
        self._last = ticket.index
        try:
            self._session.device.sync_event(slot.events["done"])
            ticket.outputs = slot.take(ticket.count)
        except BaseException as error:
            ticket.error = error  # raised where the result is asked for
            if not isinstance(error, Exception):  # Ctrl-C is nobody's result
                raise

    def _settle(self) -> None:
        """Let the streams come to rest, so that memory they use can be used again or given back."""
        for stream in (self._session.upload, self._session.compute):
            with suppress(EcganError):  # an error is on its way already, or nobody waits for it
                self._session.device.sync(stream)


def run_chain(
    first: Runner,
    second: Runner,
    feeds: Mapping[str, Feed],
    links: Mapping[str, str],
    count: int,
) -> tuple[Ticket, Ticket]:
    """Put a batch through two networks on one GPU, the second fed with what lies on the device.

    Args:
        first: Takes the feeds that it has inputs for.
        second: Takes the feeds that only it has inputs for.
        feeds: Inputs of both.
        links: Input of the second -> input or output of the first that it is copied from.
        count: How many rows.

    Returns:
        Both batches, on their way.

    Raises:
        EcganError: As ``Runner.submit`` does, or the networks are not on one GPU.
    """
    if first._session is not second._session:
        raise EcganError("networks can be chained only on one GPU")
    with first._session.lock:
        begun = first.submit({name: feeds[name] for name in first.inputs}, count)
        rest: dict[str, Feed] = {
            name: first.on_device(begun, links[name]) if name in links else feeds[name]
            for name in second.inputs
        }
        return begun, second.submit(rest, count)
