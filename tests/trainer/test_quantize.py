"""Eight-bit files: which layers, how near they stay, and what the folder says of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest

from ecgan.engine.backends.ort import OrtBackend
from ecgan.engine.errors import DatasetError
from ecgan.engine.models import GENERATOR, SEGMENTER, load_manifest, model_folder, verified_path
from ecgan.trainer import quantize
from ecgan.trainer.quantize import PSNR_MIN, choose, face_feeds, quantize_file, quantize_folder


def test_layers_with_much_work_for_their_error_come_first() -> None:
    cost = {"cheap": 1.0, "dear": 10.0, "bad": 10.0}
    alone = {"cheap": 1.0, "dear": 1.0, "bad": 50.0}

    def add(layers: object) -> float:
        return sum(alone[layer] for layer in layers)  # type: ignore[attr-defined]

    assert choose(cost, alone, add, limit=2.5) == ["dear", "cheap"]
    assert choose(cost, alone, add, limit=1.5) == ["dear"]
    assert choose(cost, alone, add, limit=0.5) == []


def test_errors_that_do_not_add_up_are_found_out() -> None:
    cost = alone = dict.fromkeys("abcd", 1.0)
    # together they are half as bad as their sum, so more of them fit
    assert len(choose(cost, alone, lambda layers: len(layers) / 2, limit=1.6)) == 3
    # and here twice as bad, so that fewer do
    assert len(choose(cost, alone, lambda layers: 2.0 * len(layers), limit=4.0)) == 2


def test_faces_wear_masks_and_ask_for_each_expression_in_turn(faces_folder: Path) -> None:
    feeds = face_feeds(str(faces_folder), "val", 8)
    assert feeds["crop"].shape == (8, 256, 256, 3)
    assert all(mask.mean() > 10 for mask in feeds["mask"])
    assert feeds["expression"].sum(1).tolist() == [1.0] * 7 + [0.0]
    np.testing.assert_array_equal(feeds["crop"], face_feeds(str(faces_folder), "val", 8)["crop"])
    with pytest.raises(DatasetError, match="no face of the split 'test'"):
        face_feeds(str(faces_folder), "test", 8)


@pytest.fixture
def few_layers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the dearest layers are looked at, so that a test is quick."""
    whole = quantize._multiplications

    def dearest(model: onnx.ModelProto) -> dict[str, float]:
        cost = whole(model)
        return dict(sorted(cost.items(), key=lambda item: -item[1])[:2])

    monkeypatch.setattr(quantize, "_multiplications", dearest)


@pytest.mark.usefixtures("few_layers")
def test_an_eight_bit_file_stays_near_and_keeps_the_contract(
    faces_folder: Path, tmp_path: Path
) -> None:
    source = model_folder() / "segmenter.onnx"
    feeds = {"crop": face_feeds(str(faces_folder), "val", 3)["crop"]}
    made = quantize_file(source, tmp_path / "segmenter.int8.onnx", feeds, feeds)
    assert made.psnr >= PSNR_MIN
    assert 1 <= made.layers <= made.of == 2
    nodes = onnx.load(made.path).graph
    assert sum(tensor.data_type == onnx.TensorProto.INT8 for tensor in nodes.initializer) >= 1
    eight, full = (OrtBackend.open(p, device="cpu", threads=1) for p in (made.path, source))
    assert dict(eight.inputs) == dict(full.inputs)
    assert dict(eight.outputs) == dict(full.outputs)
    assert eight.run({"crop": feeds["crop"]})[
        "mask"
    ].any()  # three at once: the batch is still free


@pytest.mark.slow
@pytest.mark.usefixtures("few_layers")
def test_a_folder_gets_files_for_precision_int8(faces_folder: Path, tmp_path: Path) -> None:
    made = quantize_folder(model_folder(), tmp_path, str(faces_folder), calibrate=2, check=2)
    manifest = load_manifest(tmp_path)
    for kind, one in zip((GENERATOR, SEGMENTER), made, strict=True):
        entry = manifest.of_kind(kind)
        assert verified_path(tmp_path, entry, "int8") == one.path
        assert entry.figures["int8_psnr"] == pytest.approx(one.psnr, abs=0.01)
    assert verified_path(tmp_path, manifest.of_kind("detector")).is_file()


def test_data_that_is_missing_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = quantize.main(["--data", str(tmp_path / "nowhere"), "--output", str(tmp_path / "out")])
    assert code == 3
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert error.count("\n") == 1
    assert not list(tmp_path.iterdir())
