"""OpenVINO: faster than ONNX Runtime on some CPUs, above all in bfloat16."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import numpy as np

from ..errors import (
    BackendUnavailable,
    EcganError,
    ModelMismatch,
    OptionError,
    OutOfMemory,
    one_line,
)
from .base import Array, TensorSpec
from .checks import check_feeds, cuda_index, thread_count

_HINTS = {"fp32": "f32", "bf16": "bf16"}
_FAILURES = (RuntimeError, ValueError, MemoryError)
"""All that OpenVINO raises: its own exceptions are of the first."""


class OpenVinoBackend:
    """A model in OpenVINO, on the CPU. See ``Backend`` for the contract.

    ``run`` may be called from several threads at once: each has a request of its own.
    """

    name = "openvino"
    device = "cpu"

    def __init__(self, compiled: Any) -> None:
        self.inputs: Mapping[str, TensorSpec] = _specs(compiled.inputs)
        self.outputs: Mapping[str, TensorSpec] = _specs(compiled.outputs)
        self._compiled = compiled
        self._requests = threading.local()

    @classmethod
    def open(
        cls,
        path: Path,
        *,
        device: str = "auto",
        threads: int | None = None,
        precision: str = "fp32",
    ) -> Self:
        """As ``Backend.open``, on the CPU alone: a card is an error.

        Args:
            precision: "fp32": as the file says; "bf16": its float32 layers in bfloat16.

        Raises:
            OptionError: ``precision`` is another.
            BackendUnavailable: The CPU cannot compute in bfloat16.
        """
        count = thread_count(threads)
        if precision not in _HINTS:
            raise OptionError(
                f"unknown precision '{precision}' of openvino; choose from {', '.join(_HINTS)}"
            )
        if cuda_index(device) is not None:
            raise BackendUnavailable(
                f"device '{device}' cannot be used by openvino", hint="--device cpu"
            )
        core = _core()
        if precision == "bf16" and "BF16" not in core.get_property(
            "CPU", "OPTIMIZATION_CAPABILITIES"
        ):
            raise BackendUnavailable(
                "this CPU does not compute in bfloat16", hint="leave --precision bf16 out"
            )
        settings = {
            "INFERENCE_NUM_THREADS": count,
            # without it OpenVINO takes bfloat16 where the CPU has it, unasked
            "INFERENCE_PRECISION_HINT": _HINTS[precision],
            "PERFORMANCE_HINT": "LATENCY",
        }
        try:
            return cls(core.compile_model(core.read_model(path), "CPU", settings))
        except _FAILURES as error:
            raise ModelMismatch(f"openvino refuses '{path}': {one_line(error)}") from error

    def run(self, feeds: Mapping[str, Array]) -> dict[str, Array]:
        """As ``Backend.run``."""
        compiled = self._compiled
        if compiled is None:
            raise EcganError("the model is closed")
        check_feeds(self.inputs, feeds)
        try:
            request = self._request(compiled)
            found = request.infer(dict(feeds), share_inputs=True)
            # copies: the request writes its next results into the same memory
            return {name: np.array(found[name]) for name in self.outputs}
        except MemoryError as error:
            raise OutOfMemory("openvino ran out of memory", hint="close other programs") from error
        except _FAILURES as error:
            raise EcganError(f"openvino failed: {one_line(error)}") from error

    def close(self) -> None:
        """As ``Backend.close``."""
        self._compiled = None
        self._requests = threading.local()

    def _request(self, compiled: Any) -> Any:
        if not hasattr(self._requests, "own"):
            self._requests.own = compiled.create_infer_request()
        return self._requests.own


def _core() -> Any:
    try:
        import openvino
    except ImportError as error:
        raise BackendUnavailable(
            f"openvino cannot be imported: {one_line(error)}", hint="pip install 'ecgan[openvino]'"
        ) from error
    return openvino.Core()


def _specs(ports: Any) -> dict[str, TensorSpec]:
    return {
        port.any_name: TensorSpec(
            np.dtype(port.element_type.to_dtype()),
            tuple(size.get_length() if size.is_static else None for size in port.partial_shape),
        )
        for port in ports
    }
