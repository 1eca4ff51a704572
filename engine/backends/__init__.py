"""Runtimes that execute a model file. A new one is one file here and one line below."""

from __future__ import annotations

from ..registry import Registry
from .base import Backend, TensorSpec

BACKENDS = Registry("backend", {"onnxruntime": "ecgan.engine.backends.ort:OrtBackend"})

__all__ = ["BACKENDS", "Backend", "TensorSpec"]
