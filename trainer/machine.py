"""Where a run took place: what a figure cannot be understood without."""

from __future__ import annotations

import os
import platform
import subprocess
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

import torch

LIBRARIES = ("ecgan", "numpy", "torch", "lightning-fabric", "opencv-python-headless")


def describe_machine(device: torch.device, processes: int) -> dict[str, Any]:
    """Machine, libraries and state of the code, ready for JSON.

    Args:
        device: What the run computes on.
        processes: How many share it.
    """
    return {
        "begun": datetime.now(UTC).isoformat(timespec="seconds"),
        "device": str(device),
        "processes": processes,
        "gpu": torch.cuda.get_device_name(device) if device.type == "cuda" else None,
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "processor": platform.processor() or platform.machine(),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "libraries": {name: _version(name) for name in LIBRARIES},
        "commit": _commit(),
    }


def _version(distribution: str) -> str | None:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None


def _commit() -> str | None:
    """Of the checkout that the code lies in, with `-changed` where it was; None without one."""
    command = ["git", "-C", str(Path(__file__).parent), "describe", "--always", "--dirty=-changed"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip() or None
