"""Runtimes that execute a model file. A new one is one file here and one line below."""

from __future__ import annotations

from ..registry import Registry
from .base import Backend, TensorSpec

BACKENDS = Registry(
    "backend",
    {
        "onnxruntime": "ecgan.engine.backends.ort:OrtBackend",
        "openvino": "ecgan.engine.backends.openvino:OpenVinoBackend",
    },
)

OWN_PRECISIONS = {"openvino": ("bf16",)}
"""Precisions that a runtime makes itself of the fp32 file, given to its ``open``; any other
precision is a file of its own."""

__all__ = ["BACKENDS", "OWN_PRECISIONS", "Backend", "TensorSpec"]
