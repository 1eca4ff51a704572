"""The machine and the libraries behind a number."""

from __future__ import annotations

import platform
from importlib import metadata
from pathlib import Path
from typing import Any

from ecgan.engine.backends.checks import usable_cores
from ecgan.engine.tensorrt.driver import answering_gpu

LIBRARIES = ("numpy", "torch", "onnxruntime")
RUNTIMES = (
    *LIBRARIES,
    "onnxruntime-gpu",
    "openvino",
    "tensorrt",
    "tensorrt-rtx",
    "cuda-python",
)
CPUINFO = Path("/proc/cpuinfo")


def machine_line() -> str:
    """One line to print with every number: processor, usable cores, system, library versions."""
    versions = [f"{name} {version}" for name in LIBRARIES if (version := _version(name))]
    parts = [
        _cpu_model(),
        f"{usable_cores()} cores",
        f"{platform.system()} {platform.release()}",
        f"Python {platform.python_version()}",
        *versions,
    ]
    return ", ".join(parts)


def machine() -> dict[str, Any]:
    """What a result must name: processor, card and driver, system, and what is installed."""
    return {
        "cpu": _cpu_model(),
        "cores": usable_cores(),
        "gpu": _gpu(),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "versions": {name: version for name in RUNTIMES if (version := _version(name))},
    }


def _gpu() -> dict[str, str] | None:
    gpu = answering_gpu()
    if gpu is None:
        return None
    major, minor = gpu.driver
    return {"name": gpu.name, "target": gpu.target, "driver": f"CUDA {major}.{minor}"}


def _cpu_model() -> str:
    if CPUINFO.is_file():
        for line in CPUINFO.read_text(encoding="utf-8", errors="replace").splitlines():
            key, _, value = line.partition(":")
            if key.strip() == "model name" and value.strip():
                return value.strip()
    return platform.processor() or platform.machine()


def _version(distribution: str) -> str | None:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None
