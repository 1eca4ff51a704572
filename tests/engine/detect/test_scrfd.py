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
