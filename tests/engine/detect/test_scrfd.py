import logging
import sys
from pathlib import Path

import numpy as np
import pytest

from ecgan.engine.detect.scrfd import InsightFace
from ecgan.engine.errors import BackendUnavailable, ModelMismatch, ModelMissing

from .conftest import StandIn


def test_answers_come_in_frame_pixels_surest_first(package, pack, capsys):
    detector = InsightFace(pack, score=0.4, threads=2)
    frame = np.zeros((40, 50, 3), np.uint8)
    frame[..., 0] = 200
    faces = detector.detect(frame)
    assert [round(face.score, 3) for face in faces] == [0.9, 0.6]
    assert faces[0].bbox.tolist() == [0, 2, 50, 30]
    assert faces[0].landmarks.shape == (5, 2)
    assert faces[0].landmarks.dtype == np.float32
    (made,) = StandIn.made
    # insightface reads BGR, is given a folder, and only one detector size.
    assert made.image[0, 0].tolist() == [0, 0, 200]
    assert Path(made.name) == pack
    assert made.allowed == ["detection"]
    assert made.prepared == (-1, 0.4, (640, 640))
    assert made.options["sess_options"].intra_op_num_threads == 2
    assert capsys.readouterr().out == ""


def test_the_licence_is_said_at_load(package, pack, caplog):
    with caplog.at_level(logging.WARNING):
        detector = InsightFace(pack)
    assert "non-commercial research only" in detector.licence
    assert detector.licence in caplog.text


CUDA = "CUDAExecutionProvider"


@pytest.fixture
def runtime_with_cuda(monkeypatch):
    import onnxruntime

    providers = [CUDA, "CPUExecutionProvider"]
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: providers)


@pytest.mark.parametrize(("asked", "got", "card"), [("cuda:1", "cuda:1", 1), ("auto", "cuda:0", 0)])
def test_a_card_is_used_where_the_runtime_has_one(
    package, pack, runtime_with_cuda, asked, got, card
):
    assert InsightFace(pack, device=asked).device == got
    (made,) = StandIn.made
    assert made.options["providers"][0] == (CUDA, {"device_id": card})
    assert made.prepared[0] == card  # -1 would send it back to the CPU


def test_the_cpu_is_used_where_it_is_asked_for(package, pack, runtime_with_cuda):
    assert InsightFace(pack, device="cpu").device == "cpu"
    (made,) = StandIn.made
    assert made.options["providers"] == ["CPUExecutionProvider"]
    assert made.prepared[0] == -1


def test_a_card_that_does_not_work_is_an_error_only_where_it_was_asked_for(
    package, pack, runtime_with_cuda, monkeypatch
):
    monkeypatch.setattr(StandIn, "card_is_broken", True)
    assert InsightFace(pack, device="auto").device == "cpu"
    with pytest.raises(BackendUnavailable, match="device 'cuda:0'"):
        InsightFace(pack, device="cuda:0")


def test_a_card_without_a_runtime_for_it_is_an_error(package, pack):
    with pytest.raises(BackendUnavailable, match="device 'cuda:0'") as caught:
        InsightFace(pack, device="cuda:0")
    assert "--device cpu" in caught.value.hint


def test_a_missing_pack_names_the_file_and_the_place(tmp_path):
    folder = tmp_path / "buffalo_l"
    with pytest.raises(ModelMissing, match=r"det_10g\.onnx") as caught:
        InsightFace(folder)
    assert str(folder) in caught.value.message
    assert str(folder) in caught.value.hint


def test_a_pack_unpacked_one_folder_too_deep_is_explained(tmp_path):
    inner = tmp_path / "buffalo_l" / "buffalo_l"
    inner.mkdir(parents=True)
    (inner / "det_10g.onnx").write_bytes(b"network")
    with pytest.raises(ModelMissing, match="one folder too deep") as caught:
        InsightFace(tmp_path / "buffalo_l")
    assert str(inner) in caught.value.message


def test_a_pack_without_a_detector_is_explained(package, tmp_path):
    (tmp_path / "w600k_r50.onnx").write_bytes(b"network")
    with pytest.raises(ModelMissing, match="no detection model"):
        InsightFace(tmp_path)


def test_a_refused_file_is_a_mismatch_on_one_line(package, pack):
    (pack / "det_10g.onnx").write_bytes(b"broken")
    with pytest.raises(ModelMismatch, match="INVALID_PROTOBUF: no graph"):
        InsightFace(pack)


def test_without_the_package_the_mending_command_is_named(pack, monkeypatch):
    monkeypatch.setitem(sys.modules, "insightface", None)
    monkeypatch.setitem(sys.modules, "insightface.app", None)
    with pytest.raises(BackendUnavailable) as caught:
        InsightFace(pack)
    assert caught.value.hint == "pip install 'ecgan[insightface]'"
