"""Runtimes that execute a model file. A new one is one file here and one line below."""

from __future__ import annotations

from ..registry import Registry
from .base import Backend, TensorSpec

BACKENDS = Registry(
    "backend",
    {
        "onnxruntime": "ecgan.engine.backends.ort:OrtBackend",
        "openvino": "ecgan.engine.backends.openvino:OpenVinoBackend",
        "tensorrt": "ecgan.engine.backends.tensorrt:TensorRtBackend",
    },
)

OWN_PRECISIONS = {"openvino": ("bf16",)}
"""Precisions that a runtime makes itself of the fp32 file, given to its ``open``; any other
precision is a file of its own."""


def file_and_options(backend: str, precision: str) -> tuple[str, dict[str, str]]:
    """Which file a runtime needs for a precision, and what its ``open`` is told of it.

    Args:
        backend: Registry name.
        precision: As it is asked for.

    Returns:
        Precision of the file, and keyword arguments of ``open``.
    """
    if precision in OWN_PRECISIONS.get(backend, ()):
        return "fp32", {"precision": precision}
    return precision, {}


def makers(precision: str) -> list[str]:
    """The runtimes that make a precision themselves."""
    return [name for name, made in OWN_PRECISIONS.items() if precision in made]


__all__ = ["BACKENDS", "OWN_PRECISIONS", "Backend", "TensorSpec", "file_and_options", "makers"]
