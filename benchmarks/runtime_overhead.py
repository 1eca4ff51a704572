"""What the TensorRT runtime's own Python costs a frame, without copies and without computing.

    python -m ecgan.benchmarks.runtime_overhead

Segmenter and generator run on one new face a frame, on a stand-in for a GPU that computes nothing:
checking, staging, all calls of driver and TensorRT, waiting, and handing the results out. The copies
between arrays and pinned memory are timed apart, on arrays of the same sizes, and taken off. Times
are those of the thread on the processor, so other programs disturb them little.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from ecgan.engine.backends.base import Array
from ecgan.engine.backends.tensorrt import TensorRtBackend
from ecgan.engine.models import GENERATOR, SEGMENTER, load_manifest, model_folder
from ecgan.engine.tensorrt.driver import Gpu
from ecgan.engine.tensorrt.fake_device import FakeDevice
from ecgan.engine.tensorrt.fake_trt import fake_build, fake_flavour
from ecgan.engine.tensorrt.platform import Platform
from ecgan.engine.tensorrt.residents import CELLS
from ecgan.engine.types import CROP_SIZE

WARMUP = 20
LIMIT_MS = 0.3
"""What a frame may cost."""


@dataclass(frozen=True)
class Overhead:
    """Medians, in milliseconds a frame.

    Attributes:
        frames: How many were timed.
        total_ms: Both networks, from arrays to arrays.
        copies_ms: Of that, copies between arrays and pinned memory.
        own_ms: The rest: the runtime itself.
    """

    frames: int
    total_ms: float
    copies_ms: float
    own_ms: float


def measure(models: Path, frames: int) -> Overhead:
    """Time the runtime on a stand-in for a GPU.

    Args:
        models: Folder with a manifest.
        frames: How many to time.
    """
    manifest = load_manifest(models)
    device = FakeDevice(idle=True)
    with tempfile.TemporaryDirectory() as folder:
        platform = Platform(
            Gpu(0, "stand-in", (8, 6), (13, 0)),
            fake_flavour(device),
            lambda: device,
            build=fake_build,
            folder=Path(folder),
        )
        segmenter, generator = (
            TensorRtBackend(platform.open(models / manifest.of_kind(kind).file), "cuda:0")
            for kind in (SEGMENTER, GENERATOR)
        )
        total = _median(_frame(segmenter, generator), frames)
        platform.close()
    copies = _median(_copies(), frames)
    return Overhead(frames, total, copies, total - copies)


def _frame(segmenter: TensorRtBackend, generator: TensorRtBackend) -> Callable[[int], None]:
    """One frame: the mask comes down, another goes up, the crop stays on the device."""
    rows = [np.zeros((CROP_SIZE, CROP_SIZE, 3), np.uint8) for _ in range(CELLS + 1)]
    for row in rows:
        row.flags.writeable = False
    mask = np.zeros((1, CROP_SIZE, CROP_SIZE), np.uint8)
    expression = np.zeros((1, 7), np.float32)

    def frame(index: int) -> None:
        crop = [rows[index % len(rows)]]
        segmenter.submit({"crop": crop}).result()
        generator.submit({"crop": crop, "mask": mask, "expression": expression}).result()

    return frame


def _copies() -> Callable[[int], None]:
    """The copies of a frame: crop and mask up, mask and painted crop down."""
    crop, mask = (np.zeros((CROP_SIZE, CROP_SIZE, n), np.uint8) for n in (3, 1))
    up: list[tuple[Array, Array]] = [(np.empty_like(each), each) for each in (crop, mask)]

    def copies(_: int) -> None:
        for target, source in up:
            target[:] = source
        mask.copy()
        crop.copy()

    return copies


def _median(call: Callable[[int], None], frames: int) -> float:
    times = []
    for index in range(WARMUP + frames):
        begin = time.thread_time()
        call(index)
        times.append(1000 * (time.thread_time() - begin))
    return statistics.median(times[WARMUP:])


def main(arguments: list[str] | None = None) -> int:
    """Print the figures; returns 1 above the limit."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", type=Path, default=model_folder())
    parser.add_argument("--frames", type=int, default=1000)
    parser.add_argument("--json", action="store_true", help="for machines")
    options = parser.parse_args(arguments)
    found = measure(options.models, options.frames)
    if options.json:
        sys.stdout.write(json.dumps(asdict(found), indent=2) + "\n")
    else:
        sys.stdout.write(
            f"{found.frames} frames: {found.total_ms:.3f} ms a frame, of which copies "
            f"{found.copies_ms:.3f} ms, the runtime itself {found.own_ms:.3f} ms "
            f"(limit {LIMIT_MS} ms)\n"
        )
    return int(found.own_ms > LIMIT_MS)


if __name__ == "__main__":
    sys.exit(main())
