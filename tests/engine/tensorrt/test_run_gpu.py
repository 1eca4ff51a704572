"""The same runtime on a real GPU: with copies in place of a network, and with TensorRT where it is.

Copies need the driver and cuda-python alone, so uploads, streams, events and recorded graphs are held
even where the GPU is one that TensorRT for RTX does not take.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ecgan.engine.backends.ort import OrtBackend
from ecgan.engine.backends.tensorrt import TensorRtBackend, run_networks
from ecgan.engine.errors import BackendUnavailable, ModelMismatch, OutOfMemory
from ecgan.engine.tensorrt import fake_trt
from ecgan.engine.tensorrt.cuda_python import CudaPythonDevice
from ecgan.engine.tensorrt.driver import Gpu, find_gpu
from ecgan.engine.tensorrt.fake_trt import fake_build, fake_flavour
from ecgan.engine.tensorrt.platform import Platform

pytestmark = pytest.mark.gpu

MASK_BYTES = 256 * 256
LEVELS = 2
"""TensorRT rounds otherwise than ONNX Runtime: at most so many of 255 on the tiny networks."""


@pytest.fixture(scope="module")
def gpu() -> Gpu:
    try:
        return find_gpu()
    except BackendUnavailable as error:
        pytest.skip(f"no NVIDIA GPU: {error.message}")


@pytest.fixture
def device(gpu: Gpu) -> Iterator[CudaPythonDevice]:
    try:
        made = CudaPythonDevice(gpu.index)
    except BackendUnavailable as error:
        pytest.skip(error.message)
    yield made
    made.close()


def test_memory_goes_there_and_back(device: CudaPythonDevice) -> None:
    with device.active():
        stream, memory = device.make_stream(), device.alloc(MASK_BYTES)
        other, pinned = device.alloc(MASK_BYTES), device.alloc_pinned(MASK_BYTES)
        sent = np.random.default_rng(0).integers(0, 256, MASK_BYTES, dtype=np.uint8)
        pinned.bytes[:] = sent
        device.upload(memory, pinned, 0, MASK_BYTES, stream)
        device.copy(other, memory, MASK_BYTES, stream)
        device.sync(stream)
        pinned.bytes[:] = 0
        begin, end = device.make_event(), device.make_event()
        device.record(begin, stream)
        device.download(pinned, other, MASK_BYTES, stream)
        device.record(end, stream)
        device.sync_event(end)
        np.testing.assert_array_equal(pinned.bytes, sent)
        assert 0 < device.elapsed_ms(begin, end) < 1000
        for event in (begin, end):
            device.drop_event(event)
        for address in (memory, other):
            device.free(address)
        device.free_pinned(pinned)
        device.drop_stream(stream)


def test_more_memory_than_there_is(device: CudaPythonDevice) -> None:
    with device.active(), pytest.raises(OutOfMemory, match="MiB more were needed"):
        device.alloc(1 << 50)


@pytest.fixture
def copies(gpu: Gpu, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Platform:
    """A platform whose segmenter gives the first bytes of each crop as the mask of all crops."""
    opened: list[CudaPythonDevice] = []

    def open_device() -> CudaPythonDevice:
        opened.append(CudaPythonDevice(gpu.index))
        return opened[-1]

    def execute(self: Any, stream: int) -> bool:
        source, target = self._addresses["crop"], self._addresses["mask"]
        opened[-1].copy(target, source, MASK_BYTES * self._batch, stream)
        return True

    monkeypatch.setattr(fake_trt._Context, "execute_async_v3", execute)
    host: Any = None  # nothing is computed on the CPU
    return Platform(gpu, fake_flavour(host), open_device, build=fake_build, folder=tmp_path)


@pytest.mark.parametrize("graphs", [True, False])
def test_batches_on_a_gpu_do_not_mix(graphs: bool, copies: Platform, model_folder: Path) -> None:
    backend = TensorRtBackend(copies.open(model_folder / "segmenter.onnx", graphs=graphs), "cuda:0")
    rng = np.random.default_rng(1)
    for count in (1, 1, 1, 1, 1, 3, 3, 3, 3, 16, 16, 16, 16, 1, 1, 1, 1):
        crops = rng.integers(0, 256, (count, 256, 256, 3), dtype=np.uint8)
        rows = [crop.copy() for crop in crops]
        for row in rows:
            row.flags.writeable = False
        pending = [backend.submit({"crop": rows}) for _ in range(3)]  # the later ones are there
        for each in pending:
            found = each.result()["mask"].ravel()
            np.testing.assert_array_equal(found, crops.ravel()[: len(found)])
    assert set(backend.parts_ms) == {"upload", "compute", "download"}
    assert bool(any(lane.graph for lane in backend._runner._lanes._lanes.values())) == graphs
    backend.close()


def test_torch_lives_beside_it(copies: Platform, model_folder: Path) -> None:
    torch = pytest.importorskip("torch")
    if not torch.cuda.is_available():
        pytest.skip("this torch is built without CUDA")
    before = torch.arange(1000, device="cuda").float()
    backend = TensorRtBackend(copies.open(model_folder / "segmenter.onnx"), "cuda:0")
    crops = np.random.default_rng(2).integers(0, 256, (2, 256, 256, 3), dtype=np.uint8)

    def run(_: int) -> bool:
        found = backend.run({"crop": crops})["mask"].ravel()
        ours = np.array_equal(found, crops.ravel()[: len(found)])
        return ours and float((before * 2).sum()) == 999000.0

    with ThreadPoolExecutor(3) as pool:
        assert all(pool.map(run, range(12)))
    backend.close()
    assert float(before.sum()) == 499500.0


def test_networks_on_tensorrt(gpu: Gpu, model_folder: Path, tmp_path: Path) -> None:
    from ecgan.engine.tensorrt.flavour import load_flavour

    try:
        here = Platform(gpu, load_flavour(), lambda: CudaPythonDevice(gpu.index), folder=tmp_path)
        segmenter, generator = (
            TensorRtBackend(here.open(model_folder / f"{kind}.onnx"), "cuda:0")
            for kind in ("segmenter", "generator")
        )
    except (BackendUnavailable, ModelMismatch) as error:
        pytest.skip(f"TensorRT does not run here: {error.message}")
    rng = np.random.default_rng(3)
    reference = [
        OrtBackend.open(model_folder / f"{kind}.onnx", device="cpu", threads=1)
        for kind in ("segmenter", "generator")
    ]
    for count in (1, 1, 1, 1, 5, 5, 5, 5, 16, 16):
        given = {
            "crop": rng.integers(0, 256, (count, 256, 256, 3), dtype=np.uint8),
            "expression": rng.random((count, 7)).astype(np.float32),
        }
        masks, painted = run_networks(segmenter, generator, given)
        (mask,) = reference[0].run({"crop": given["crop"]}).values()
        (wanted,) = reference[1].run({**given, "mask": masks["mask"]}).values()
        np.testing.assert_array_equal(masks["mask"], mask)
        assert np.abs(painted["painted"].astype(int) - wanted).max() <= LEVELS
    here.close()
