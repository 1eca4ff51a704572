"""cuda-python and pycuda against a small libcuda.so.1 of our own, each in a process of its own.

What a Python stand-in cannot show: the order of arguments, how results are unpacked, numbers of
handles, that every call finds a current context, and that nothing is left when one fails.
"""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent
OUT_OF_MEMORY, ILLEGAL_ADDRESS = 2, 700
Run = Callable[..., dict[str, Any]]


@pytest.fixture(scope="module")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The compiled stand-in; skips where there is no C compiler."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None or not sys.platform.startswith("linux"):
        pytest.skip("no C compiler, or not Linux: the stand-in for the driver cannot be built")
    library = tmp_path_factory.mktemp("driver") / "libcuda.so.1"
    flags = ["-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", "-Wl,-soname,libcuda.so.1"]
    source = HERE / "fake_driver.c"
    subprocess.run([compiler, *flags, "-o", library, source, "-ldl"], check=True)
    return library


@pytest.fixture(params=["cuda-python", "pycuda"])
def library(request: pytest.FixtureRequest) -> str:
    module = {"cuda-python": "cuda.bindings", "pycuda": "pycuda"}[request.param]
    if importlib.util.find_spec(module.partition(".")[0]) is None:
        pytest.skip(f"{request.param} is not installed")
    return str(request.param)


@pytest.fixture
def run(driver: Path, library: str, model_folder: Path, tmp_path: Path) -> Run:
    def run(**variables: str) -> dict[str, Any]:
        # The search path is for cuda-python, which loads the library by name; a pycuda that was
        # built without a driver does not name it, and finds it loaded.
        variables |= {"LD_LIBRARY_PATH": str(driver.parent), "LD_PRELOAD": str(driver)}
        command = [sys.executable, HERE / "adapter_run.py", library, model_folder, tmp_path]
        done = subprocess.run(
            command, env={**os.environ, **variables}, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        report: dict[str, Any] = json.loads(done.stdout)
        return report

    return run


def test_results_and_what_is_left(run: Run, library: str) -> None:
    report = run()
    assert report["error"] is None
    assert report["host_errors"] == []
    assert len(report["equal"]) == 26
    assert all(report["equal"])
    assert report["chain"] is True
    assert report["parts"] == ["compute", "download", "upload"]
    # cuda-python records a graph for each network and slot; pycuda cannot
    assert report["busy"]["execs"] == (4 if library == "cuda-python" else 0)
    assert report["busy"]["graphs"] == 0
    assert report["busy"]["contexts"] == 1
    assert set(report["live"].values()) == {0}


@pytest.mark.parametrize(
    ("call", "nth", "code", "words"),
    [
        ("cuMemAlloc_v2", 3, OUT_OF_MEMORY, "memory ran out: 3 MiB more were needed"),
        ("cuMemHostAlloc", 2, OUT_OF_MEMORY, "the computer's memory ran out"),
        ("cuStreamCreate", 2, 999, "cuStreamCreate"),
        ("cuEventCreate", 7, 999, "cuEventCreate"),
        ("cuMemcpyHtoDAsync_v2", 2, ILLEGAL_ADDRESS, "cuMemcpyHtoDAsync"),
        ("cuMemcpyDtoHAsync_v2", 1, ILLEGAL_ADDRESS, "cuMemcpyDtoHAsync"),
        ("cuEventSynchronize", 1, ILLEGAL_ADDRESS, "cuEventSynchronize"),
        ("cuStreamWaitEvent", 1, ILLEGAL_ADDRESS, "cuStreamWaitEvent"),
    ],
)
def test_a_call_that_fails_is_one_error_and_leaves_nothing(
    run: Run, library: str, call: str, nth: int, code: int, words: str
) -> None:
    report = run(FAKE_CUDA_FAIL=f"{call} {nth} {code}")
    assert report["error"] is not None
    message = report["error"]["message"]
    if library == "pycuda":  # its own words name its own functions
        words = words if code == OUT_OF_MEMORY else ""
    assert words in message
    assert "\n" not in message
    assert report["error"]["exit"] == 6
    assert set(report["live"].values()) == {0}


def test_a_driver_without_a_gpu(driver: Path, tmp_path: Path) -> None:
    """Before TensorRT, cuda-python or pycuda is touched."""
    code = """
import sys
from pathlib import Path
from ecgan.engine.backends.tensorrt import TensorRtBackend
from ecgan.engine.errors import BackendUnavailable
try:
    TensorRtBackend.open(Path("any.onnx"))
except BackendUnavailable as error:
    print(error.message)
print(sorted(set(sys.modules) & {"tensorrt", "tensorrt_rtx", "cuda.bindings", "pycuda"}))
"""
    environment = {**os.environ, "LD_LIBRARY_PATH": str(driver.parent), "FAKE_CUDA_DEVICES": "0"}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout == "the NVIDIA driver has no GPU\n[]\n"
