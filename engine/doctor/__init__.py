"""What works on this machine, what does not, why, and the command that mends it.

A new check is one function that returns findings, and one line below.
"""

from __future__ import annotations

from ..registry import Registry
from .base import Finding, Status

CHECKS = Registry(
    "check",
    {
        "python": "ecgan.engine.doctor.system:python",
        "packages": "ecgan.engine.doctor.packages:required",
        "doubled packages": "ecgan.engine.doctor.packages:doubled",
        "gpu": "ecgan.engine.doctor.system:gpu",
        "onnxruntime": "ecgan.engine.doctor.runtimes:onnxruntime",
        "onnxruntime on a GPU": "ecgan.engine.doctor.runtimes:onnxruntime_cuda",
        "openvino": "ecgan.engine.doctor.runtimes:openvino",
        "torch": "ecgan.engine.doctor.runtimes:torch",
        "tensorrt": "ecgan.engine.doctor.runtimes:tensorrt",
        "tensorrt-rtx": "ecgan.engine.doctor.runtimes:tensorrt_rtx",
        "cuda-python": "ecgan.engine.doctor.runtimes:cuda_python",
        "pycuda": "ecgan.engine.doctor.runtimes:pycuda",
        "pictures": "ecgan.engine.doctor.codecs:pictures",
        "video": "ecgan.engine.doctor.codecs:video",
        "models": "ecgan.engine.doctor.models:shipped",
        "default path": "ecgan.engine.doctor.default_path:unmask_a_portrait",
    },
)

DEFAULT_PATH = "default path"
"""The check that decides whether ``ecgan unmask`` works as it is installed."""

__all__ = ["CHECKS", "DEFAULT_PATH", "Finding", "Status"]
