import numpy as np

from ecgan.engine.detect.closer import drift, look_closer
from ecgan.engine.types import Face

POINTS = np.array([[35, 45], [65, 45], [50, 60], [38, 75], [62, 75]], np.float32)


def face_at(x: float, y: float, size: float = 100) -> Face:
    scale = size / 100
    box = np.array([x, y, x + size, y + size], np.float32)
    return Face(box, 0.9, POINTS * scale + np.array([x, y], np.float32))


def dots(frame_size: tuple[int, int], face: Face) -> np.ndarray:
    """A black frame with a bright 3x3 dot at each landmark, and more red from left to right."""
    frame = np.zeros((*frame_size, 3), np.uint8)
    for (x, y), red in zip(
        np.round(face.landmarks).astype(int), (50, 100, 150, 200, 250), strict=True
    ):
        frame[y - 2 : y + 3, x - 2 : x + 3] = (red, 255, 0)
    return frame


def find_dots(picture: np.ndarray) -> list[Face]:
    """Finds the five dots by their place: two, one, two from above, left to right."""
    import cv2

    count, _, _, centres = cv2.connectedComponentsWithStats(
        (picture[:, :, 1] > 100).astype(np.uint8)
    )
    if count != 6:
        return []
    points = centres[1:][np.argsort(centres[1:, 1])]
    pairs = [points[:2], points[2:3], points[3:]]
    points = np.concatenate([pair[np.argsort(pair[:, 0])] for pair in pairs]).astype(np.float32)
    scale = (points[1, 0] - points[0, 0]) / 30
    corner = points[0] - [35 * scale, 45 * scale]
    box = np.concatenate([corner, corner + 100 * scale]).astype(np.float32)
    return [Face(box, 0.8, points)]


def test_a_closer_look_answers_in_frame_pixels():
    face = face_at(200, 120)
    expected = face_at(210, 112)
    for mirrored in (False, True):
        for side in (288, 600):
            seen = look_closer(
                find_dots, dots((400, 500), face), expected, side=side, mirrored=mirrored
            )
            assert seen is not None
            np.testing.assert_allclose(seen.landmarks, face.landmarks, atol=0.6)
            np.testing.assert_allclose(seen.bbox, face.bbox, atol=3)


def test_a_closer_look_at_the_frame_edge_works():
    face = face_at(-20, 10)
    seen = look_closer(find_dots, dots((150, 160), face), face)
    assert seen is not None
    np.testing.assert_allclose(seen.landmarks, face.landmarks, atol=0.6)


def test_a_face_elsewhere_is_not_taken_for_the_one_expected():
    face = face_at(200, 120)
    assert look_closer(find_dots, dots((400, 500), face), face_at(130, 120)) is None


def test_a_box_outside_the_frame_finds_nothing():
    assert look_closer(find_dots, np.zeros((50, 50, 3), np.uint8), face_at(400, 400)) is None


def test_drift_is_in_sides():
    assert drift(face_at(0, 0).bbox, face_at(30, 40).bbox) == 0.5
