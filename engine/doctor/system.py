"""Python, the system, and what an NVIDIA driver says of its GPUs."""

from __future__ import annotations

import platform
import sys
from pathlib import Path

from ..backends.checks import usable_cores
from ..errors import BackendUnavailable
from ..tensorrt.driver import Gpu, answering_gpu, find_gpu
from .base import Finding, Status

OLDEST_PYTHON = (3, 11)
GET_DRIVER = "install the driver of your NVIDIA GPU, from nvidia.com/drivers"
_PCI = Path("/sys/bus/pci/devices")
_NVIDIA, _DISPLAY = "0x10de", "0x03"
_MODULE = Path("/proc/driver/nvidia/version")


def python() -> list[Finding]:
    """Version and system."""
    bits = 64 if sys.maxsize > 2**32 else 32
    text = (
        f"{platform.python_version()} ({platform.python_implementation()}, {bits} bit), "
        f"{platform.system()} {platform.release()} {platform.machine()}, {usable_cores()} cores"
    )
    if sys.version_info < OLDEST_PYTHON or bits == 32:
        return [Finding("Python", Status.PROBLEM, text, "install Python 3.11 or newer, 64 bit")]
    return [Finding("Python", Status.OK, text)]


def gpu() -> list[Finding]:
    """The driver and each GPU it has."""
    cards: list[Gpu] = []
    try:
        while True:
            cards.append(find_gpu(len(cards)))
    except BackendUnavailable as error:
        if not cards:
            return [_without_gpu(error)]
    module = f", kernel module {_module_version()}" if _module_version() else ""
    major, minor = cards[0].driver
    driver = Finding("driver", Status.OK, f"for CUDA {major}.{minor}{module}")
    return [driver, *(Finding(f"GPU {one.index}", Status.OK, _card(one)) for one in cards)]


def has_gpu() -> bool:
    """Whether a driver answers and has a GPU."""
    return answering_gpu() is not None


def _without_gpu(error: BackendUnavailable) -> Finding:
    if _has_card():
        text = f"this machine has an NVIDIA card, but {error.message}"
        return Finding("driver", Status.WARNING, text, GET_DRIVER)
    text = f"{error.message}; networks run on the CPU"
    return Finding("driver", Status.ABSENT, text, GET_DRIVER)


def _card(card: Gpu) -> str:
    return f"{card.name} ({card.target})"


def _has_card() -> bool:
    """Whether the bus holds a display adapter by NVIDIA; False where there is no way to know."""
    return any(
        _read(device / "vendor") == _NVIDIA and _read(device / "class").startswith(_DISPLAY)
        for device in _PCI.glob("*")
    )


def _module_version() -> str:
    """Of the driver's kernel module, "580.95.05"; empty where it does not say."""
    words = _read(_MODULE).split()
    return next((word for word in words if word[0].isdigit() and "." in word), "")


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""
