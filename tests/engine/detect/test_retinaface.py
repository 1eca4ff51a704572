from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from ecgan.engine.detect.retinaface import RetinaFace, anchors, decode, pass_sides
from ecgan.engine.errors import BackendUnavailable, ModelMismatch, ModelMissing

ROOT = Path(__file__).resolve().parents[3]
PORTRAIT = ROOT / "examples" / "astronaut_masked.jpg"


@pytest.fixture(scope="module")
def detector() -> RetinaFace:
    return RetinaFace(threads=1)


@pytest.fixture(scope="module")
def portrait() -> np.ndarray:
    return np.asarray(Image.open(PORTRAIT).convert("RGB"))


@pytest.mark.parametrize("quick", [False, True])
def test_a_masked_portrait_has_one_face_with_sane_landmarks(detector, portrait, quick):
    (face,) = detector.detect(portrait, quick=quick)
    height, width = portrait.shape[:2]
    x0, y0, x1, y1 = face.bbox
    assert 0 <= x0 < x1 <= width
    assert 0 <= y0 < y1 <= height
    assert face.landmarks.shape == (5, 2)
    assert face.landmarks.dtype == np.float32
    assert face.bbox.dtype == np.float32
    assert 0.5 <= face.score <= 1
    left, right, nose, mouth_left, mouth_right = face.landmarks
    assert left[0] < right[0]
    assert mouth_left[0] < mouth_right[0]
    assert left[1] < nose[1] < mouth_left[1]


def test_the_face_is_found_at_any_size_and_scales_with_the_picture(detector, portrait):
    (reference,) = detector.detect(portrait)
    for factor in (0.5, 3.0):
        size = (round(portrait.shape[1] * factor), round(portrait.shape[0] * factor))
        picture = np.asarray(Image.fromarray(portrait).resize(size, Image.Resampling.LANCZOS))
        (face,) = detector.detect(picture)
        error = np.linalg.norm(face.landmarks / factor - reference.landmarks, axis=1)
        # The detector itself errs by a few hundredths of the face from size to size.
        assert error[:2].max() < 0.06 * reference.height


def test_small_faces_are_found_where_they_are_asked_for(detector, portrait):
    (face,) = detector.detect(portrait)
    scale = 16 / face.height
    size = (round(portrait.shape[1] * scale), round(portrait.shape[0] * scale))
    tiny = np.asarray(Image.fromarray(portrait).resize(size, Image.Resampling.LANCZOS))
    wall = np.full((400, 600, 3), 128, np.uint8)
    corners = [(40, 60), (300, 200), (480, 280)]
    for x, y in corners:
        wall[y : y + size[1], x : x + size[0]] = tiny
    assert detector.detect(wall) == []
    found = sorted(detector.detect(wall, small=True), key=lambda one: float(one.bbox[0]))
    assert len(found) == len(corners)
    for one, corner in zip(found, corners, strict=True):
        expected = face.landmarks * scale + np.array(corner, np.float32)
        # Half again of what was measured, 1.0 px: a twelfth of the face, the detector's own error.
        assert np.abs(one.landmarks - expected)[:2].max() < 1.5
        assert 12 < one.height < 20


@pytest.mark.parametrize(
    ("side", "effort", "sides"),
    [
        (300, {"small": True}, [480, 320]),  # so small a picture is never enlarged further
        (600, {"small": True}, [1200, 600, 320]),
        (900, {"small": True}, [1536, 900, 640, 320]),
        (2000, {"small": True}, [1536, 1024, 640, 320]),
        (2000, {"small": True, "quick": True}, [640]),
        (2000, {}, [1024, 640, 320]),
    ],
)
def test_small_faces_are_sought_in_a_large_or_enlarged_picture(
    detector, monkeypatch, side, effort, sides
):
    looked = []
    network = detector._network

    def run(feeds):
        looked.append(max(feeds["input"].shape[2:]))
        return network.run(feeds)

    monkeypatch.setattr(detector, "_network", SimpleNamespace(run=run))
    detector.detect(np.full((side // 10, side, 3), 128, np.uint8), **effort)
    assert looked == sides


def test_high_boxes_of_the_pass_for_small_faces_do_not_count(detector, portrait, monkeypatch):
    large = np.asarray(Image.fromarray(portrait).resize((1200, 1200), Image.Resampling.LANCZOS))
    look = detector._look

    def only_the_fine_pass(picture, width, height):
        found = look(picture, width, height)
        return found if max(picture.shape) == 1536 else found.up_to(0)

    monkeypatch.setattr(detector, "_look", only_the_fine_pass)
    assert (look(large, 1200, 1200).scores > 0.9).any()
    # The face is some 340 px high in that pass: it would be found there, with a closer look.
    assert detector.detect(large, small=True) == []


def test_two_faces_give_two_boxes(detector, portrait):
    pair = np.concatenate([portrait, portrait[:, ::-1]], axis=1)
    faces = detector.detect(pair)
    assert len(faces) == 2
    assert abs(faces[0].bbox[0] - faces[1].bbox[0]) > 50


@pytest.mark.parametrize("shape", [(1, 1), (3, 200), (200, 3), (64, 64)])
def test_a_flat_picture_of_any_size_has_no_face(detector, shape):
    assert detector.detect(np.full((*shape, 3), 128, np.uint8)) == []
    assert detector.detect(np.full((*shape, 3), 128, np.uint8), quick=True) == []


def test_grey_noise_has_no_face(detector):
    noise = np.random.default_rng(0).integers(0, 256, (400, 500, 1), np.uint8)
    assert detector.detect(np.repeat(noise, 3, axis=2)) == []


def test_boxes_stay_inside_when_the_face_is_cut_by_the_frame(detector, portrait):
    (face,) = detector.detect(portrait)
    middle = int(face.bbox[[1, 3]].mean())
    for found in detector.detect(portrait[: middle + 20]):
        assert (found.bbox >= 0).all()
        assert found.bbox[3] <= middle + 20


def test_anchors_follow_strides_rows_and_sizes():
    grid = anchors(16, 24)
    # 2x3 cells of stride 8, 1x2 of stride 16, 1x1 of stride 32, two sizes each.
    assert grid.shape == ((6 + 2 + 1) * 2, 3)
    assert grid[:4].tolist() == [[4, 4, 16], [4, 4, 32], [12, 4, 16], [12, 4, 32]]
    assert grid[-1].tolist() == [16, 16, 512]


def test_decode_of_a_hand_made_case():
    grid = np.array([[100, 50, 64]], np.float32)
    offsets = np.array([[1.0, -0.5, np.log(2) / 0.2, 0.0]], np.float32)
    points = np.arange(10, dtype=np.float32)[None] / 6.4
    boxes, landmarks = decode(offsets, points, grid)
    # Centre (100 + 6.4, 50 - 3.2), width 128, height 64.
    np.testing.assert_allclose(boxes, [[42.4, 14.8, 170.4, 78.8]], atol=1e-3)
    np.testing.assert_allclose(
        landmarks[0], np.add([100, 50], np.arange(10).reshape(5, 2)), atol=1e-4
    )


def test_sizes_never_blow_a_small_picture_up():
    assert pass_sides(100, quick=False) == [480, 320]
    assert pass_sides(600, quick=False) == [600, 320]
    assert pass_sides(720, quick=False) == [640, 320]
    assert pass_sides(1280, quick=False) == [1024, 640, 320]
    assert pass_sides(288, quick=True) == [288]
    assert pass_sides(4000, quick=True) == [640]


def test_a_missing_or_wrong_file_is_named(tmp_path):
    with pytest.raises(ModelMissing, match=r"nowhere\.onnx"):
        RetinaFace(tmp_path / "nowhere.onnx")
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(b"not a network")
    with pytest.raises(ModelMismatch, match=r"broken\.onnx"):
        RetinaFace(broken)


def test_a_card_that_is_not_there_is_an_error():
    with pytest.raises(BackendUnavailable, match="device 'cuda:0'"):
        RetinaFace(device="cuda:0", threads=1)


def test_a_network_with_other_outputs_is_refused(tmp_path):
    import onnx
    from onnx import TensorProto, helper

    graph = helper.make_graph(
        [helper.make_node("Identity", ["input"], ["boxes"])],
        "other",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, [1, 3, None, None])],
        [helper.make_tensor_value_info("boxes", TensorProto.FLOAT, [1, 3, None, None])],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    onnx.save(model, tmp_path / "other.onnx")
    with pytest.raises(ModelMismatch, match="not a RetinaFace model"):
        RetinaFace(tmp_path / "other.onnx")
