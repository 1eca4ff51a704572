"""A whole platform that needs no GPU, for tests of what runs on one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ecgan.engine.errors import EcganError
from ecgan.engine.tensorrt.build import BuildOptions
from ecgan.engine.tensorrt.driver import Gpu
from ecgan.engine.tensorrt.fake_device import FakeDevice
from ecgan.engine.tensorrt.fake_trt import Compute, fake_build, fake_flavour
from ecgan.engine.tensorrt.flavour import RTX
from ecgan.engine.tensorrt.memory import out_of_gpu_memory
from ecgan.engine.tensorrt.platform import Platform
from ecgan.engine.tensorrt.sidecar import Sidecar

GPU = Gpu(0, "Stand-in GPU", (8, 6), (13, 1))


class BrittleDevice(FakeDevice):
    """Fails where a test says so.

    Attributes:
        failing: Name of a method -> which of its calls fails, counted from 1.
    """

    def __init__(self) -> None:
        super().__init__()
        self.failing: dict[str, int] = {}
        self.calls: dict[str, int] = {}

    def alloc(self, size: int) -> int:
        self._count("alloc", out_of_gpu_memory(size))
        return super().alloc(size)

    def alloc_pinned(self, size: int) -> Any:
        self._count("alloc_pinned", out_of_gpu_memory(size))
        return super().alloc_pinned(size)

    def make_event(self) -> int:
        self._count("make_event", EcganError("the GPU failed: cuEventCreate"))
        return super().make_event()

    def sync_event(self, event: int) -> None:
        self._count("sync_event", EcganError("the GPU failed: cuEventSynchronize"))
        super().sync_event(event)

    def end_capture(self, stream: int) -> int:
        graph = super().end_capture(stream)
        try:
            self._count("end_capture", EcganError("the GPU failed: cuStreamEndCapture"))
        except EcganError:
            super().drop_graph(graph)
            raise
        return graph

    def _count(self, name: str, error: EcganError) -> None:
        self.calls[name] = self.calls.get(name, 0) + 1
        if self.failing.get(name) == self.calls[name]:
            raise error


@dataclass
class StandIn:
    """A platform, what it runs on, and how often it built.

    Attributes:
        folder: Where engines are kept.
        name: "rtx" or "tensorrt".
        compute: What engines compute; None for what their model says.
        built: Models that were built, in order.
    """

    folder: Path
    name: str = RTX
    compute: Compute | None = None
    device: BrittleDevice = field(default_factory=BrittleDevice)
    built: list[str] = field(default_factory=list)

    def platform(
        self, build: Callable[[Path, Path, BuildOptions], Sidecar] | None = None
    ) -> Platform:
        """A platform as one start of the program makes it."""
        return Platform(
            GPU,
            fake_flavour(self.device, name=self.name, compute=self.compute),
            lambda: self.device,
            build=build or self._build,
            folder=self.folder,
        )

    def _build(self, onnx: Path, target: Path, options: BuildOptions) -> Sidecar:
        self.built.append(onnx.name)
        return fake_build(onnx, target, options)

    @property
    def is_clean(self) -> bool:
        """Whether nothing is left of all that was made."""
        return not any(self.device.live.values())
