"""Execution contexts, one for each batch size and slot, and the graphs recorded from them.

A graph holds the addresses and sizes it was recorded with, and TensorRT forbids changing its context
afterwards: so each has its own. They all compute in the same scratch memory, one after the other.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any

from ..errors import EcganError
from .loaded import LoadedEngine, failure
from .log import listening
from .session import Session
from .slots import Slot

_log = logging.getLogger(__name__)


@dataclass
class Lane:
    """One context with fixed shapes and addresses.

    Attributes:
        context: The ``IExecutionContext``.
        graph: What was recorded of it, or None.
        is_warm: It has run once; TensorRT sets things up in the first run that no graph may hold.
    """

    context: Any
    graph: int | None = None
    is_warm: bool = False


class Lanes:
    """The contexts of one network, made when a batch size is first seen.

    Args:
        session: Of the GPU.
        engine: The network.
        graphs: Whether to record graphs.
    """

    def __init__(self, session: Session, engine: LoadedEngine, *, graphs: bool) -> None:
        self._session, self._engine = session, engine
        self._graphs = graphs and session.device.can_capture
        self._lanes: dict[tuple[int, int], Lane] = {}
        self._scratch, self._scratch_bytes = 0, 0

    def run(self, batch: int, index: int, slot: Slot) -> None:
        """Put one batch, which lies in a slot, onto the stream.

        Args:
            batch: How many rows.
            index: The slot's number.
            slot: Where they lie.

        Raises:
            OutOfMemory: There is no room for the scratch memory of that batch.
            EcganError: TensorRT failed, in its own first words.
        """
        lane = self._lanes.get((batch, index)) or self._make(batch, index, slot)
        device, stream = self._session.device, self._session.compute
        if lane.graph is None and lane.is_warm and self._graphs:
            lane.graph = self._record(lane)
        if lane.graph is not None:
            device.launch(lane.graph, stream)
            return
        with listening() as said:
            if not lane.context.execute_async_v3(stream):
                raise failure(said.errors, self._engine.path)
        lane.is_warm = True

    def close(self) -> None:
        """Give everything back; the stream must have come past it."""
        self._drop()
        if self._scratch:
            self._session.device.free(self._scratch)
        self._scratch, self._scratch_bytes = 0, 0

    def _make(self, batch: int, index: int, slot: Slot) -> Lane:
        context = self._engine.make_context()
        with listening() as said:
            for name, spec in self._engine.inputs.items():
                if not context.set_input_shape(name, (batch, *spec.shape[1:])):
                    raise failure(said.errors, self._engine.path)
            for name, buffer in (*slot.inputs.items(), *slot.outputs.items()):
                if not context.set_tensor_address(name, buffer.address):
                    raise failure(said.errors, self._engine.path)
            needed = int(context.update_device_memory_size_for_shapes())
        self._grow(needed)
        if self._scratch:
            context.set_device_memory(self._scratch, self._scratch_bytes)
        lane = self._lanes[batch, index] = Lane(context)
        return lane

    def _grow(self, needed: int) -> None:
        """Have scratch memory of that size: only a batch larger than all before needs more."""
        if needed <= self._scratch_bytes:
            return
        device = self._session.device
        device.sync(self._session.compute)
        self.close()  # what was recorded holds the old address
        self._scratch = device.alloc(needed)
        self._scratch_bytes = needed

    def _record(self, lane: Lane) -> int | None:
        """The graph of a context, or None where it cannot be recorded: then it runs without."""
        device, stream = self._session.device, self._session.compute
        is_capturable = getattr(lane.context, "is_stream_capturable", None)  # of RTX alone
        if is_capturable is not None and not is_capturable(stream):
            self._give_up("TensorRT does not allow it")
            return None
        try:
            device.begin_capture(stream)
            with listening() as said:
                is_recorded = lane.context.execute_async_v3(stream)
            graph = device.end_capture(stream)
        except EcganError as error:
            self._give_up(error.message)
            return None
        if not is_recorded:
            device.drop_graph(graph)
            self._give_up(said.errors[0] if said.errors else "nothing was said about why")
            return None
        return graph

    def _give_up(self, reason: str) -> None:
        _log.warning("'%s' runs without CUDA graphs: %s", self._engine.path.name, reason)
        self._graphs = False

    def _drop(self) -> None:
        for lane in self._lanes.values():
            if lane.graph is not None:
                self._session.device.drop_graph(lane.graph)
        self._lanes.clear()
