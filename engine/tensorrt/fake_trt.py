"""A stand-in for TensorRT's runtime: an engine is an ONNX file, and ONNX Runtime computes it.

It has the calls that ours make, with the same arguments and the same way to fail: false or nothing,
and a line in the log. What TensorRT forbids without noticing is an error here.
"""

from __future__ import annotations

import enum
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Protocol

import numpy as np

from ..backends.base import Array
from ..contract import BATCH_MAX
from ..types import U8
from .build import BuildOptions
from .flavour import RTX, Flavour
from .sidecar import AMPERE_PLUS, Sidecar, Tensor

VERSION = "0.0.fake"
_SCRATCH_A_ROW = 4096

Compute = Callable[[dict[str, Array]], dict[str, Array]]
"""What an engine computes."""


class Host(Protocol):
    """Where the stand-in computes: device memory that the CPU can read, and streams."""

    def view(self, address: int, size: int) -> U8:
        """The memory at an address."""
        ...

    def put(self, stream: int, work: Callable[[], None]) -> None:
        """Put work onto a stream."""
        ...


class Severity(enum.IntEnum):
    """As in ``ILogger``."""

    INTERNAL_ERROR, ERROR, WARNING, INFO, VERBOSE = range(5)


class ILogger:
    """To be derived from, with a method ``log``."""

    Severity = Severity

    def log(self, severity: Any, message: str) -> None:
        """Take a line."""


def fake_flavour(host: Host, *, name: str = RTX, compute: Compute | None = None) -> Flavour:
    """A TensorRT for a device.

    Args:
        host: The device.
        name: "rtx" or "tensorrt": which of them to look like.
        compute: What every engine computes; None for what its ONNX file says.
    """
    modes = SimpleNamespace(INPUT="input", OUTPUT="output")
    module = SimpleNamespace(
        __version__=VERSION,
        ILogger=ILogger,
        Runtime=lambda log: _Runtime(host, log, name, compute),
        TensorIOMode=modes,
        nptype=np.dtype,
        ExecutionContextAllocationStrategy=SimpleNamespace(USER_MANAGED="user"),
        DynamicShapesKernelSpecializationStrategy=SimpleNamespace(EAGER="eager"),
    )
    return Flavour(name, VERSION, _Hashable(module))


class _Hashable:
    """The module: a flavour is a key of the table of logs."""

    def __init__(self, members: SimpleNamespace) -> None:
        self.__dict__.update(vars(members))


def fake_build(onnx: Path, target: Path, options: BuildOptions) -> Sidecar:
    """Make an engine for the stand-in: a copy of the model, with its sidecar."""
    plan = onnx.read_bytes()
    session = _session(plan)
    digest = hashlib.sha256(plan).hexdigest()
    lowest, best, largest = options.batches
    sidecar = Sidecar(
        flavour=options.flavour,
        version=VERSION,
        targets=[AMPERE_PLUS],
        device="fake",
        precision="fp32",
        layers={},
        inputs=_tensors(session.get_inputs()),
        outputs=_tensors(session.get_outputs()),
        min_batch=lowest,
        opt_batch=best,
        max_batch=largest,
        onnx=onnx.name,
        onnx_sha256=digest,
        plan_sha256=digest,
        plan_bytes=len(plan),
        build_s=0.0,
        peak_memory_mib=0.0,
        parity={},
    )
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(plan)
    sidecar.save(target)
    return sidecar


class _Runtime:
    def __init__(self, host: Host, log: ILogger, name: str, compute: Compute | None) -> None:
        self._host, self._log, self._name, self._compute = host, log, name, compute

    def deserialize_cuda_engine(self, plan: bytes) -> _Engine | None:
        try:
            session = _session(plan)
        except ValueError as error:
            self._log.log(Severity.ERROR, f"Serialization assertion magicTag failed. {error}")
            return None
        return _Engine(self._host, self._log, self._name, session, self._compute)


class _Engine:
    def __init__(
        self, host: Host, log: ILogger, name: str, session: Any, compute: Compute | None
    ) -> None:
        self.host, self.log, self.name = host, log, name
        self.inputs = {tensor.name: tensor for tensor in _tensors(session.get_inputs())}
        self.outputs = {tensor.name: tensor for tensor in _tensors(session.get_outputs())}
        self.tensors = self.inputs | self.outputs
        self.num_io_tensors = len(self.tensors)
        names = list(self.outputs)
        self.compute: Compute = compute or (
            lambda feeds: dict(zip(names, session.run(names, feeds), strict=True))
        )

    def get_tensor_name(self, index: int) -> str:
        return list(self.tensors)[index]

    def get_tensor_mode(self, name: str) -> str:
        return "input" if name in self.inputs else "output"

    def get_tensor_shape(self, name: str) -> list[int]:
        return self.tensors[name].shape

    def get_tensor_dtype(self, name: str) -> str:
        return self.tensors[name].dtype

    def get_tensor_profile_shape(self, name: str, profile: int) -> list[list[int]]:
        return [[batch, *self.tensors[name].shape[1:]] for batch in (1, 4, BATCH_MAX)]

    def create_runtime_config(self) -> _Config:
        return _RtxConfig() if self.name == RTX else _Config()

    def create_execution_context(self, config: _Config) -> _Context:
        return _RtxContext(self) if self.name == RTX else _Context(self)


class _Config:
    def set_execution_context_allocation_strategy(self, strategy: str) -> None:
        if strategy != "user":
            raise ValueError(strategy)


class _RtxConfig(_Config):
    dynamic_shapes_kernel_specialization_strategy = "lazy"

    def create_runtime_cache(self) -> _Cache:
        return _Cache()

    def set_runtime_cache(self, cache: _Cache) -> bool:
        return True


class _Cache:
    """Kernels: the bytes that were loaded, or new ones."""

    _MAGIC = b"kernels of the stand-in"

    def deserialize(self, blob: bytes) -> bool:
        return blob == self._MAGIC

    def serialize(self) -> bytes:
        return self._MAGIC


@dataclass(frozen=True)
class _Bound:
    """What a context was told before it ran."""

    batch: int
    addresses: dict[str, int]
    scratch: tuple[int, int]


class _Context:
    def __init__(self, engine: _Engine) -> None:
        self._engine = engine
        self._batch = 0
        self._addresses: dict[str, int] = {}
        self._scratch = (0, 0)
        self._has_run = False

    def set_input_shape(self, name: str, shape: tuple[int, ...]) -> bool:
        self._check_free()
        expected = self._engine.inputs[name].shape
        if not 1 <= shape[0] <= BATCH_MAX or list(shape[1:]) != expected[1:]:
            self._say(f"setInputShape: {shape} is not in the profile of {name}")
            return False
        self._batch = shape[0]
        return True

    def set_tensor_address(self, name: str, address: int) -> bool:
        self._check_free()
        self._addresses[name] = address
        return name in self._engine.tensors

    def update_device_memory_size_for_shapes(self) -> int:
        return _SCRATCH_A_ROW * self._batch

    def set_device_memory(self, address: int, size: int) -> None:
        self._check_free()
        self._scratch = address, size

    def execute_async_v3(self, stream: int) -> bool:
        if self._addresses.keys() != self._engine.tensors.keys():
            self._say("enqueueV3: an address is missing")
            return False
        if self._scratch[1] < self.update_device_memory_size_for_shapes():
            self._say("enqueueV3: device memory is too small")
            return False
        self._has_run = True
        bound = _Bound(self._batch, dict(self._addresses), self._scratch)
        self._engine.host.put(stream, lambda: self._compute(bound))
        return True

    def _compute(self, bound: _Bound) -> None:
        engine = self._engine
        engine.host.view(*bound.scratch)[:] = 0xEE
        feeds = {name: self._array(name, bound) for name in engine.inputs}
        for name, value in engine.compute(feeds).items():
            self._array(name, bound)[...] = value

    def _array(self, name: str, bound: _Bound) -> Array:
        tensor = self._engine.tensors[name]
        shape, dtype = (bound.batch, *tensor.shape[1:]), np.dtype(tensor.dtype)
        size = int(np.prod(shape)) * dtype.itemsize
        return self._engine.host.view(bound.addresses[name], size).view(dtype).reshape(shape)

    def _check_free(self) -> None:
        if self._has_run:
            raise RuntimeError("a context that may be recorded was changed after it had run")

    def _say(self, message: str) -> None:
        self._engine.log.log(Severity.ERROR, f"IExecutionContext::{message}")


class _RtxContext(_Context):
    def is_stream_capturable(self, stream: int) -> bool:
        return True


def _session(plan: bytes) -> Any:
    """ONNX Runtime on a model's bytes.

    Raises:
        ValueError: They are no model.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    try:
        return onnxruntime.InferenceSession(plan, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # its classes have no common base
        raise ValueError(" ".join(str(error).split())) from error


_NUMBERS = {"tensor(uint8)": "uint8", "tensor(float)": "float32"}


def _tensors(nodes: Any) -> list[Tensor]:
    return [
        Tensor(
            node.name,
            _NUMBERS[node.type],
            [size if isinstance(size, int) else -1 for size in node.shape],
        )
        for node in nodes
    ]
