"""The gate between an engine and its name: agreement with ONNX Runtime."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from ecgan.engine.backends.ort import OrtBackend
from ecgan.engine.errors import ParityError
from ecgan.engine.models import model_folder as shipped_models
from ecgan.engine.tensorrt.build import BuildOptions, build_engine
from ecgan.engine.tensorrt.driver import Gpu
from ecgan.engine.tensorrt.fake_device import FakeDevice
from ecgan.engine.tensorrt.fake_trt import fake_build, fake_flavour
from ecgan.engine.tensorrt.parity import MIN_PSNR, Run, check_parity, example_feeds
from ecgan.engine.tensorrt.platform import Platform, find_platform
from ecgan.engine.tensorrt.sidecar import Sidecar, Tensor

Array = npt.NDArray[Any]
INPUTS = [
    Tensor("crop", "uint8", [-1, 256, 256, 3]),
    Tensor("mask", "uint8", [-1, 256, 256]),
    Tensor("expression", "float32", [-1, 7]),
]


@pytest.fixture
def sidecar() -> Sidecar:
    return Sidecar(
        flavour="rtx",
        version="1.7",
        targets=["sm89"],
        device="",
        precision="fp32",
        layers={},
        inputs=INPUTS,
        outputs=[Tensor("painted", "uint8", [-1, 256, 256, 3])],
        min_batch=1,
        opt_batch=3,
        max_batch=16,
        onnx="generator.onnx",
        onnx_sha256="",
        plan_sha256="",
        plan_bytes=0,
        build_s=0.0,
        peak_memory_mib=0.0,
        parity={},
    )


@pytest.fixture
def model(model_folder: Path) -> Path:
    return model_folder / "generator.onnx"


@pytest.fixture
def same(model: Path) -> Iterator[Run]:
    """An engine that computes what its model does."""
    backend = OrtBackend.open(model, device="cpu")
    yield backend.run
    backend.close()


def off_by(run: Run, level: int, share: float = 1.0) -> Run:
    """The same engine, wrong by some levels in the first part of each picture's rows."""

    def changed(feeds: Mapping[str, Array]) -> dict[str, Array]:
        painted = run(feeds)["painted"].copy()
        rows = round(256 * share)
        painted[:, :rows] += np.where(painted[:, :rows] < 128, level, -level).astype(np.uint8)
        return {"painted": painted}

    return changed


def test_equal(model: Path, sidecar: Sidecar, same: Run) -> None:
    assert check_parity(model, sidecar, same) == {"psnr": 99.0, "worst": 0.0, "mean": 0.0}


def test_smallest_and_best_batch_are_run(model: Path, sidecar: Sidecar, same: Run) -> None:
    batches = []

    def run(feeds: Mapping[str, Array]) -> Mapping[str, Array]:
        batches.append(len(feeds["crop"]))
        return same(feeds)

    check_parity(model, sidecar, run)
    assert batches == [1, 3]


def test_a_quarter_off_by_one_passes(model: Path, sidecar: Sidecar, same: Run) -> None:
    """255^2 over a mean square of 1/4 is 54.15 dB."""
    found = check_parity(model, sidecar, off_by(same, 1, 0.25))
    assert found == {"psnr": pytest.approx(54.15, abs=0.01), "worst": 1.0, "mean": 0.25}


@pytest.mark.parametrize(
    ("precision", "level", "passes"),
    [("fp32", 1, False), ("fp16", 1, True), ("fp16", 2, False)],  # 48.13 and 42.11 dB
)
def test_limits(
    precision: str, level: int, passes: bool, model: Path, sidecar: Sidecar, same: Run
) -> None:
    from dataclasses import replace

    asked = replace(sidecar, precision=precision)
    if passes:
        assert check_parity(model, asked, off_by(same, level))["worst"] == level
        return
    with pytest.raises(ParityError, match=f"worst {level} of 255") as caught:
        check_parity(model, asked, off_by(same, level))
    assert caught.value.exit_code == 6
    assert "generator.onnx" in caught.value.message


def test_feeds_are_pictures_full_masks_and_one_hot_rows() -> None:
    feeds = example_feeds(INPUTS, 9)
    again = example_feeds(INPUTS, 9)
    assert {name: value.dtype.name for name, value in feeds.items()} == {
        tensor.name: tensor.dtype for tensor in INPUTS
    }
    assert [value.shape for value in feeds.values()] == [
        (9, *tensor.shape[1:]) for tensor in INPUTS
    ]
    assert all(np.array_equal(feeds[name], again[name]) for name in feeds)
    assert (feeds["mask"] == 255).all()
    assert (feeds["expression"].argmax(1) == [0, 1, 2, 3, 4, 5, 6, 0, 1]).all()
    assert (feeds["expression"].sum(1) == 1).all()
    assert feeds["crop"].std() > 40
    steps = np.abs(np.diff(feeds["crop"].astype(np.int16), axis=2))
    assert steps.mean() < 8  # smooth: noise of that spread would step by 60


def test_through_the_runtime(model: Path, sidecar: Sidecar) -> None:
    """All of it but the GPU: the stand-in computes, in device memory, what the model says."""
    device = FakeDevice()
    platform = Platform(
        Gpu(0, "stand-in", (8, 9), (13, 0)), fake_flavour(device), lambda: device, build=fake_build
    )
    with platform.trial(model.with_suffix(".engine"), model.read_bytes()) as run:
        assert check_parity(model, sidecar, run)["psnr"] == 99.0
    assert not any(device.live.values())


@pytest.mark.gpu
@pytest.mark.parametrize("name", ["segmenter.onnx", "ecgan-fast.onnx"])
def test_on_the_gpu_here(name: str, gpu: Gpu, tmp_path: Path) -> None:
    """Engines of what ships agree with ONNX Runtime, or TensorRT says in words that it cannot."""
    engine = tmp_path / "a.engine"
    options = BuildOptions(target="current")
    made = build_engine(shipped_models() / name, engine, options, opener=find_platform().trial)
    assert (made.targets, made.device) == ([gpu.target], gpu.name)
    assert made.parity["psnr"] >= MIN_PSNR[made.precision]
