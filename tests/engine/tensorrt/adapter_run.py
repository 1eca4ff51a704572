"""Runs the networks through an adapter, in a process whose libcuda.so.1 is the compiled stand-in.

    LD_LIBRARY_PATH=FOLDER python adapter_run.py LIBRARY MODELS ENGINES

Prints one JSON document: what came out, what is left behind, and what failed.
"""

from __future__ import annotations

import ctypes
import gc
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from ecgan.engine.backends.ort import OrtBackend
from ecgan.engine.backends.tensorrt import TensorRtBackend, run_networks
from ecgan.engine.errors import EcganError
from ecgan.engine.tensorrt import platform
from ecgan.engine.tensorrt.driver import find_gpu
from ecgan.engine.tensorrt.fake_trt import fake_build, fake_flavour
from ecgan.engine.types import U8

KINDS = ("memory", "pinned", "streams", "events", "graphs", "execs", "contexts")
_CALLBACK = ctypes.CFUNCTYPE(None, ctypes.c_void_p)


class DriverHost:
    """Computes on the memory of the stand-in driver, in the order of its streams."""

    def __init__(self) -> None:
        self.driver = ctypes.CDLL("libcuda.so.1")
        self.errors: list[str] = []
        self._callbacks: list[Any] = []  # a graph calls them again and again

    def view(self, address: int, size: int) -> U8:
        return np.ctypeslib.as_array((ctypes.c_uint8 * size).from_address(address))

    def put(self, stream: int, work: Callable[[], None]) -> None:
        def call(_: int | None) -> None:
            try:
                work()
            except Exception as error:  # noqa: BLE001  nothing may leave a callback
                self.errors.append(repr(error))

        callback = _CALLBACK(call)
        self._callbacks.append(callback)
        code = self.driver.cuLaunchHostFunc(ctypes.c_void_p(stream), callback, None)
        if code:
            self.errors.append(f"cuLaunchHostFunc returned {code}")

    def live(self) -> dict[str, int]:
        return {kind: self.driver.fake_live(index) for index, kind in enumerate(KINDS)}


def feeds(count: int, seed: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    return {
        "crop": rng.integers(0, 256, (count, 256, 256, 3), dtype=np.uint8),
        "mask": rng.integers(0, 256, (count, 256, 256), dtype=np.uint8),
        "expression": rng.random((count, 7)).astype(np.float32),
    }


def main(library: str, models: Path, engines: Path) -> dict[str, Any]:
    host = DriverHost()
    report: dict[str, Any] = {"equal": [], "chain": None, "error": None}
    reference = {
        kind: OrtBackend.open(models / f"{kind}.onnx", device="cpu", threads=1)
        for kind in ("segmenter", "generator")
    }
    here = platform.Platform(
        find_gpu(),
        fake_flavour(host),
        lambda: platform._open_device(0, library),
        build=fake_build,
        folder=engines,
    )
    opened: dict[str, TensorRtBackend] = {}
    try:
        for kind in reference:
            opened[kind] = TensorRtBackend(here.open(models / f"{kind}.onnx"), "cuda:0")
        for seed, count in enumerate((1, 1, 1, 1, 2, 2, 2, 2, 3, 1, 1, 1, 1)):
            given = feeds(count, seed)
            for kind, backend in opened.items():
                own = {name: given[name] for name in backend.inputs}
                (found,), (wanted,) = backend.run(own).values(), reference[kind].run(own).values()
                report["equal"].append(np.array_equal(found, wanted))
        report["parts"] = sorted(opened["generator"].parts_ms)
        report["chain"] = chain_is_equal(opened, reference)
        report["busy"] = host.live()
    except EcganError as error:
        report["error"] = {"message": error.message, "hint": error.hint, "exit": error.exit_code}
    for backend in opened.values():
        backend.close()
    here.close()
    gc.collect()  # pycuda gives back what nobody refers to, and an error refers to where it was met
    report["live"], report["host_errors"] = host.live(), host.errors
    return report


def chain_is_equal(opened: dict[str, TensorRtBackend], reference: dict[str, OrtBackend]) -> bool:
    given = feeds(2, 99)
    crops, weights = {"crop": given["crop"]}, {"expression": given["expression"]}
    masks, painted = run_networks(opened["segmenter"], opened["generator"], {**crops, **weights})
    (mask,) = reference["segmenter"].run(crops).values()
    (wanted,) = reference["generator"].run({**crops, **weights, "mask": mask}).values()
    return np.array_equal(*masks.values(), mask) and np.array_equal(*painted.values(), wanted)


if __name__ == "__main__":
    sys.stdout.write(json.dumps(main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]))) + "\n")
