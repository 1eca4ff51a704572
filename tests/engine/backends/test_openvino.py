"""What is OpenVINO's own: devices, bfloat16, its errors. The rest is in test_registry."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from ecgan.engine.backends.openvino import OpenVinoBackend
from ecgan.engine.backends.ort import OrtBackend
from ecgan.engine.errors import BackendUnavailable, ModelMismatch, OptionError
from ecgan.engine.models import model_folder as shipped_models
from ecgan.engine.pipeline import Unmasker
from ecgan.engine.types import FaceStatus

from .conftest import generator_feeds

openvino = pytest.importorskip("openvino")


def test_a_card_is_refused(model_folder: Path) -> None:
    with pytest.raises(BackendUnavailable, match="device 'cuda:0' cannot be used by openvino"):
        OpenVinoBackend.open(model_folder / "segmenter.onnx", device="cuda:0")


def test_without_openvino_the_extra_is_named(
    model_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "openvino", None)
    with pytest.raises(BackendUnavailable, match="openvino cannot be imported") as caught:
        OpenVinoBackend.open(model_folder / "segmenter.onnx")
    assert caught.value.hint == "pip install 'ecgan[openvino]'"


def test_an_unknown_precision_is_an_option_error(model_folder: Path) -> None:
    with pytest.raises(OptionError, match="unknown precision 'fp8'"):
        OpenVinoBackend.open(model_folder / "segmenter.onnx", precision="fp8")


def test_a_cpu_without_bfloat16_says_so(
    model_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Old:
        def get_property(self, *_: str) -> list[str]:
            return ["FP32", "INT8"]

    monkeypatch.setattr(openvino, "Core", Old)
    with pytest.raises(BackendUnavailable, match="does not compute in bfloat16"):
        OpenVinoBackend.open(model_folder / "segmenter.onnx", precision="bf16")


def test_fp32_paints_what_onnxruntime_paints_and_bf16_nearly_so() -> None:
    path = shipped_models() / "ecgan-fast.onnx"
    feeds = generator_feeds(1)
    feeds["crop"] = np.repeat(np.repeat(feeds["crop"][:, ::16, ::16], 16, 1), 16, 2)
    (expected,) = OrtBackend.open(path, device="cpu", threads=1).run(feeds).values()

    def gap(precision: str) -> np.ndarray:
        try:
            opened = OpenVinoBackend.open(path, threads=1, precision=precision)
        except BackendUnavailable as error:
            pytest.skip(str(error))
        (found,) = opened.run(feeds).values()
        return np.abs(found.astype(int) - expected)

    full = gap("fp32")
    assert full.max() <= 1  # sums in another order, then rounded
    half = gap("bf16")
    # were the hint ignored, this would be as small as above
    assert half.sum() > 2 * full.sum()
    assert half[feeds["mask"] > 0].mean() < 3
    assert not half[feeds["mask"] == 0].any()


def test_a_result_stays_when_the_next_one_comes(model_folder: Path) -> None:
    backend = OpenVinoBackend.open(model_folder / "generator.onnx", threads=1)
    (first,) = backend.run(generator_feeds(1, seed=1)).values()
    kept = first.copy()
    backend.run(generator_feeds(1, seed=2))
    np.testing.assert_array_equal(first, kept)


def test_wrong_feeds_are_named(model_folder: Path) -> None:
    backend = OpenVinoBackend.open(model_folder / "segmenter.onnx", threads=1)
    with pytest.raises(ModelMismatch, match=r"input 'crop' is uint8"):
        backend.run({"crop": np.zeros((1, 256, 256, 3), np.float32)})


def test_bfloat16_needs_no_file_of_its_own(model_folder: Path, masked_photo: np.ndarray) -> None:
    try:
        with Unmasker(
            models=model_folder, backend="openvino", precision="bf16", threads=1
        ) as unmasker:
            result = unmasker.unmask(masked_photo, "happy")
            assert unmasker.describe()["precision"] == "bf16"
    except BackendUnavailable as error:
        pytest.skip(str(error))
    assert [face.status for face in result.faces] == [FaceStatus.CHANGED]


def test_a_runtime_that_does_not_make_bfloat16_names_the_one_that_does(model_folder: Path) -> None:
    with (
        Unmasker(models=model_folder, precision="bf16") as unmasker,
        pytest.raises(OptionError, match="'onnxruntime' does not compute in 'bf16'") as caught,
    ):
        unmasker.describe()
    assert caught.value.hint == "--backend openvino does"
