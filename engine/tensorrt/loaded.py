"""An engine in TensorRT: its tensors, and the contexts that run it."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from ..backends.base import TensorSpec
from ..errors import BuildFailed, EcganError, OutOfMemory, OutputError
from ..media.output import write_atomic
from .explain import explain
from .flavour import RTX, Flavour
from .log import listening, shared_log
from .memory import out_of_gpu_memory

_log = logging.getLogger(__name__)


class LoadedEngine:
    """An engine that TensorRT has accepted. The GPU's context has to be current for all of it.

    Args:
        flavour: What runs it.
        plan: Its bytes, already verified: TensorRT itself does not notice damage.
        path: Where they came from; TensorRT for RTX keeps its compiled kernels beside it.

    Attributes:
        path: Where it came from.
        inputs: Name -> spec, in the model's order.
        outputs: Name -> spec, in the model's order.
        max_batch: Largest batch.

    Raises:
        EcganError: TensorRT refuses it, as ``failure`` words it.
    """

    def __init__(self, flavour: Flavour, plan: bytes, path: Path) -> None:
        self.path = path
        self._flavour = flavour
        with listening() as said:
            self._runtime = flavour.module.Runtime(shared_log(flavour))
            self._engine = self._runtime.deserialize_cuda_engine(plan)
        if self._engine is None:
            raise failure(said.errors, path)
        self.inputs: Mapping[str, TensorSpec] = self._specs(flavour.module.TensorIOMode.INPUT)
        self.outputs: Mapping[str, TensorSpec] = self._specs(flavour.module.TensorIOMode.OUTPUT)
        self.max_batch = min(
            int(self._engine.get_tensor_profile_shape(name, 0)[2][0]) for name in self.inputs
        )
        self._kernels = _Kernels(path) if flavour.name == RTX else None
        self._config = self._make_config()

    def make_context(self) -> Any:
        """An ``IExecutionContext`` that is still to be given its scratch memory.

        Raises:
            EcganError: TensorRT makes none, as ``failure`` words it.
        """
        with listening() as said:
            context = self._engine.create_execution_context(self._config)
        if context is None:
            raise failure(said.errors, self.path)
        return context

    def close(self) -> None:
        """Keep what was compiled for the next start, and let go of the engine."""
        if self._kernels is not None:
            self._kernels.save()
        self._kernels = self._config = self._engine = self._runtime = None

    def _specs(self, mode: Any) -> dict[str, TensorSpec]:
        engine, nptype = self._engine, self._flavour.module.nptype
        names = [engine.get_tensor_name(index) for index in range(engine.num_io_tensors)]
        return {
            name: TensorSpec(
                np.dtype(nptype(engine.get_tensor_dtype(name))),
                tuple(None if size < 0 else int(size) for size in engine.get_tensor_shape(name)),
            )
            for name in names
            if engine.get_tensor_mode(name) == mode
        }

    def _make_config(self) -> Any:
        trt = self._flavour.module
        config = self._engine.create_runtime_config()
        # One context a batch size, all on the same scratch memory: they run one after the other.
        config.set_execution_context_allocation_strategy(
            trt.ExecutionContextAllocationStrategy.USER_MANAGED
        )
        if self._kernels is not None:
            # A kernel that is made for the shape only later would be missing in a recorded graph.
            config.dynamic_shapes_kernel_specialization_strategy = (
                trt.DynamicShapesKernelSpecializationStrategy.EAGER
            )
            self._kernels.load(config)
        return config


class _Kernels:
    """What TensorRT for RTX compiles on first use, kept in a file beside the engine."""

    def __init__(self, engine: Path) -> None:
        self._path = engine.with_name(engine.name + ".kernels")
        self._cache: Any = None
        self._before = b""

    def load(self, config: Any) -> None:
        """Give a configuration the kernels of earlier starts, if they are of this GPU and version."""
        cache = config.create_runtime_cache()
        with suppress(OSError):
            self._before = self._path.read_bytes()
        with listening():
            if self._before and not cache.deserialize(self._before):
                _log.debug("'%s' is of another GPU or version: begun anew", self._path)
                self._before = b""
            if config.set_runtime_cache(cache):
                self._cache = cache

    def save(self) -> None:
        """Write them, where there are new ones. A start without them is slower and no failure."""
        if self._cache is None:
            return
        serialized = self._cache.serialize()
        content = b"" if serialized is None else bytes(serialized)
        if content in (b"", self._before):
            return
        try:
            write_atomic(self._path, content)
        except OutputError as error:
            _log.debug("%s", error)


def failure(lines: list[str], engine: Path) -> EcganError:
    """The error for an engine that does not load or run, in the first words of TensorRT.

    Args:
        lines: What TensorRT said, first line first.
        engine: The file.
    """
    error = explain(lines, engine)
    if isinstance(error, OutOfMemory):  # other things are to be lowered than where one is built
        return out_of_gpu_memory()
    if isinstance(error, BuildFailed):  # nothing was built here
        return EcganError(error.message, error.hint)
    return error
