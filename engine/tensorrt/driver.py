"""Whether an NVIDIA driver answers, asked of the driver itself: no package is needed for that.

It is asked before any TensorRT runtime is made, because some of those end the process where there
is no driver.
"""

from __future__ import annotations

import contextlib
import ctypes
import sys
from collections.abc import Iterator
from dataclasses import dataclass

from ..errors import BackendUnavailable

_LIBRARY = "nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1"
_CAPABILITY_MAJOR = 75  # CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR
_CAPABILITY_MINOR = 76
_NO_DEVICE = 100  # CUDA_ERROR_NO_DEVICE
_NAME_BYTES = 256
_HINT = "run ecgan doctor to see what is missing, or use --backend onnxruntime"


@dataclass(frozen=True)
class Gpu:
    """One NVIDIA GPU.

    Attributes:
        index: Its number for CUDA.
        name: Such as "NVIDIA GeForce RTX 4070".
        capability: Compute capability, (8, 9).
        driver: CUDA version that the driver offers, (13, 0).
    """

    index: int
    name: str
    capability: tuple[int, int]
    driver: tuple[int, int]

    @property
    def target(self) -> str:
        """Its compute capability as engines name it, "sm89"."""
        return f"sm{self.capability[0]}{self.capability[1]}"


def find_gpu(index: int = 0) -> Gpu:
    """Ask the driver for a GPU.

    Raises:
        BackendUnavailable: There is no driver, it does not start, or it has no such GPU.
    """
    driver = _load()
    _check(driver.cuInit(0), "does not start")
    count = _integer(driver.cuDeviceGetCount)
    if index >= count:
        raise BackendUnavailable(
            f"GPU {index} was asked for, and the driver has {count}", hint=_HINT
        )
    version = _integer(driver.cuDriverGetVersion)
    device = _integer(driver.cuDeviceGet, index)
    name = ctypes.create_string_buffer(_NAME_BYTES)
    _check(driver.cuDeviceGetName(name, _NAME_BYTES, device), "does not answer")
    major = _integer(driver.cuDeviceGetAttribute, _CAPABILITY_MAJOR, device)
    minor = _integer(driver.cuDeviceGetAttribute, _CAPABILITY_MINOR, device)
    return Gpu(
        index,
        name.value.decode(errors="replace"),
        (major, minor),
        (version // 1000, version % 1000 // 10),
    )


def answering_gpu(index: int = 0) -> Gpu | None:
    """As ``find_gpu``; None where there is none."""
    try:
        return find_gpu(index)
    except BackendUnavailable:
        return None


@contextlib.contextmanager
def current(gpu: Gpu) -> Iterator[None]:
    """Make a GPU the one that this thread's CUDA calls go to, by its primary context.

    Raises:
        BackendUnavailable: The driver gives no context.
    """
    driver, context = _load(), ctypes.c_void_p()
    device = _integer(driver.cuDeviceGet, gpu.index)
    _check(driver.cuDevicePrimaryCtxRetain(ctypes.byref(context), device), "gives no context")
    try:
        _check(driver.cuCtxPushCurrent_v2(context), "gives no context")
        try:
            yield
        finally:
            driver.cuCtxPopCurrent_v2(ctypes.byref(context))
    finally:
        driver.cuDevicePrimaryCtxRelease_v2(device)


def _load() -> ctypes.CDLL:
    try:
        return ctypes.CDLL(_LIBRARY)
    except OSError as error:
        raise BackendUnavailable(
            f"no NVIDIA driver was found ('{_LIBRARY}' cannot be loaded)",
            hint="install the driver of your GPU from nvidia.com/drivers, or use --backend onnxruntime",
        ) from error


def _integer(call: ctypes._NamedFuncPointer, *arguments: int) -> int:
    """Call a function of the driver whose first argument receives an integer."""
    value = ctypes.c_int()
    _check(call(ctypes.byref(value), *arguments), "does not answer")
    return value.value


def _check(code: int, what: str) -> None:
    if code == _NO_DEVICE:
        raise BackendUnavailable("the NVIDIA driver has no GPU", hint=_HINT)
    if code:
        raise BackendUnavailable(f"the NVIDIA driver {what} (CUDA error {code})", hint=_HINT)
