"""Runtimes that are not here, as a user meets them."""

from __future__ import annotations

import ctypes
import time
from pathlib import Path

import pytest

from .conftest import Run

LIMIT_S = 1.0


@pytest.fixture
def no_driver() -> None:
    try:
        ctypes.CDLL("libcuda.so.1")
    except OSError:
        return
    pytest.skip("an NVIDIA driver is here")


@pytest.mark.usefixtures("no_driver")
def test_tensorrt_without_a_driver_says_what_is_missing(
    ecgan: Run, photo: Path, model_folder: Path
) -> None:
    import resource

    def cpu_s() -> float:
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        return used.ru_utime + used.ru_stime

    before, begin = cpu_s(), time.perf_counter()
    done = ecgan("unmask", photo, "--backend", "tensorrt", "-m", model_folder)
    took = min(cpu_s() - before, time.perf_counter() - begin)
    assert done.returncode == 4
    assert done.stdout == ""
    error, hint = done.stderr.splitlines()
    assert error == "ecgan: error: no NVIDIA driver was found ('libcuda.so.1' cannot be loaded)"
    assert hint.startswith("hint: install the driver of your GPU")
    assert "--backend onnxruntime" in hint
    assert took < LIMIT_S  # of the processor: the machine may be busy with other things
