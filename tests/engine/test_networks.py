"""The networks of an `Unmasker`: which are opened, where, and what is refused."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from ecgan.engine.errors import BackendUnavailable, ModelMismatch, ModelMissing, OptionError
from ecgan.engine.models import Manifest
from ecgan.engine.models.manifest import MANIFEST_NAME
from ecgan.engine.networks import Networks
from ecgan.engine.pipeline import Unmasker
from ecgan.engine.types import U8


def test_it_tells_what_really_runs(unmasker: Unmasker) -> None:
    told = unmasker.describe()
    assert (told["backend"], told["device"]) == ("onnxruntime", "cpu")
    assert (told["detector"], told["detector_device"]) == ("retinaface", "cpu")
    assert (told["segmenter"], told["generator"]) == ("tiny-segmenter", "tiny-generator")


@pytest.mark.parametrize(
    ("backend", "device", "detector_device"),
    [
        ("onnxruntime", "cuda:1", "cuda:1"),
        ("onnxruntime", "auto", "auto"),
        ("openvino", "cpu", "cpu"),
        # a card of another runtime, where onnxruntime may have none
        ("openvino", "cuda:1", "auto"),
    ],
)
def test_the_detector_is_given_a_device(
    model_folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    backend: str,
    device: str,
    detector_device: str,
) -> None:
    asked: list[str] = []
    monkeypatch.setattr(
        "ecgan.engine.detect.retinaface.RetinaFace",
        lambda device, threads: asked.append(device),
    )
    Networks(models=model_folder, backend=backend, device=device).detector  # noqa: B018
    assert asked == [detector_device]


def test_it_works_again_after_close(model_folder: Path, masked_photo: U8) -> None:
    unmasker = Unmasker(models=model_folder, device="cpu", threads=2)
    first = unmasker.unmask(masked_photo).image
    unmasker.close()
    np.testing.assert_array_equal(unmasker.unmask(masked_photo).image, first)
    unmasker.close()


def test_unknown_parts_and_missing_models_are_named(model_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="unknown backend 'onnx'; choose from onnxruntime"):
        Networks(models=model_folder, backend="onnx")
    with pytest.raises(OptionError, match="unknown detector 'yolo'"):
        Networks(models=model_folder, detector="yolo")
    with pytest.raises(ModelMissing, match=r"no 'manifest.json'"):
        Networks(models=tmp_path)
    (tmp_path / MANIFEST_NAME).write_text(Manifest([]).to_json())
    with pytest.raises(ModelMissing, match="names no segmenter"):
        Networks(models=tmp_path)


def test_a_device_that_is_not_there_is_an_error(model_folder: Path) -> None:
    networks = Networks(models=model_folder, device="cuda:9")
    with pytest.raises(BackendUnavailable, match="device 'cuda:9'"):
        networks.detector  # noqa: B018


def test_a_precision_without_a_file_names_what_makes_one(model_folder: Path) -> None:
    networks = Networks(models=model_folder, precision="fp16")
    with pytest.raises(OptionError, match="has no 'fp16' file, only fp32") as caught:
        networks.segmenter  # noqa: B018
    assert "ecgan export CHECKPOINT" in str(caught.value.hint)


def test_a_changed_model_file_is_refused(model_folder: Path, tmp_path: Path) -> None:
    folder = tmp_path / "models"
    shutil.copytree(model_folder, folder)
    with (folder / "generator.onnx").open("ab") as file:
        file.write(b"\0")
    with pytest.raises(ModelMismatch, match="sha256"):
        Networks(models=folder, device="cpu").generator  # noqa: B018
