"""What every detector promises, over the whole registry; one that cannot run here is skipped."""

import numpy as np
import pytest

from ecgan.engine.detect import DETECTORS
from ecgan.engine.errors import BackendUnavailable


@pytest.fixture(params=list(DETECTORS))
def detector(request):
    """Each detector of the registry; insightface on a stand-in for the package."""
    options = {}
    if request.param == "insightface":
        request.getfixturevalue("package")
        options["path"] = request.getfixturevalue("pack")
    try:
        opened = DETECTORS[request.param](device="cpu", threads=1, **options)
    except BackendUnavailable as error:
        pytest.skip(str(error))
    assert opened.name == request.param
    return opened


def test_the_device_is_the_one_it_runs_on(detector):
    assert detector.device == "cpu"


@pytest.mark.parametrize("effort", [{}, {"quick": True}, {"small": True}])
def test_faces_lie_inside_the_frame_surest_first(detector, masked_photo, effort):
    pair = np.concatenate([masked_photo, masked_photo[:, ::-1]], axis=1)
    cut = pair[: len(pair) // 3]
    for frame in (pair, cut):
        before = frame.copy()
        faces = detector.detect(frame, **effort)
        assert len(faces) == 2 or frame is cut
        height, width = frame.shape[:2]
        for face in faces:
            x0, y0, x1, y1 = face.bbox
            assert 0 <= x0 < x1 <= width
            assert 0 <= y0 < y1 <= height
            assert face.landmarks.shape == (5, 2)
            assert face.landmarks.dtype == face.bbox.dtype == np.float32
            assert 0 < face.score <= 1
        scores = [face.score for face in faces]
        assert scores == sorted(scores, reverse=True)
        np.testing.assert_array_equal(frame, before)


def test_a_picture_without_pixels_has_no_face(detector):
    assert detector.detect(np.zeros((0, 10, 3), np.uint8)) == []


def test_the_least_picture_can_be_looked_at(detector):
    for face in detector.detect(np.zeros((1, 1, 3), np.uint8)):
        assert (face.bbox >= 0).all()
        assert (face.bbox <= 1).all()
