import numpy as np
import pytest

from ecgan.engine import align
from ecgan.engine.align import (
    TEMPLATE_FFHQ_256,
    ZOOM_CENTRE,
    crop_matrix,
    invert,
    warp_face,
    zoom_out,
)
from ecgan.engine.types import CROP_SIZE


def similarity(scale: float, degrees: float, x: float, y: float) -> np.ndarray:
    turn = np.radians(degrees)
    a, b = scale * np.cos(turn), scale * np.sin(turn)
    return np.array([[a, -b, x], [b, a, y]], np.float32)


def apply(matrix: np.ndarray, points: np.ndarray) -> np.ndarray:
    return points @ matrix[:, :2].T + matrix[:, 2]


def ramp(height: int, width: int) -> np.ndarray:
    """Red rises with x, green with y, over the whole range."""
    frame = np.full((height, width, 3), 90, np.uint8)
    frame[..., 0] = np.linspace(0, 255, width).round()
    frame[..., 1] = np.linspace(0, 255, height).round()[:, None]
    return frame


def test_template_landmarks_give_the_identity():
    np.testing.assert_allclose(crop_matrix(TEMPLATE_FFHQ_256), np.eye(2, 3), atol=1e-4)


def test_the_best_similarity_of_exact_points_is_theirs_and_weights_choose_among_others():
    points = np.random.default_rng(0).uniform(0, 256, (5, 2)).astype(np.float32)
    wanted = similarity(0.7, 20, 30, -10)
    moved = points @ wanted[:, :2].T + wanted[:, 2]
    np.testing.assert_allclose(align.similarity(points, moved), wanted, atol=1e-4)
    moved[4] += 50
    assert np.abs(align.similarity(points, moved) - wanted).max() > 0.05
    np.testing.assert_allclose(align.similarity(points, moved, (1, 1, 1, 1, 0)), wanted, atol=1e-4)


def test_any_similarity_is_undone():
    rng = np.random.default_rng(0)
    for _ in range(50):
        placed = similarity(
            rng.uniform(0.1, 8), rng.uniform(-180, 180), *rng.uniform(-500, 3000, 2)
        )
        found = crop_matrix(apply(placed, TEMPLATE_FFHQ_256).astype(np.float32))
        np.testing.assert_allclose(
            apply(found, apply(placed, TEMPLATE_FFHQ_256)), TEMPLATE_FFHQ_256, atol=0.05
        )


def test_it_is_never_a_reflection():
    mirrored = TEMPLATE_FFHQ_256 * np.array([-1, 1], np.float32)
    assert np.linalg.det(crop_matrix(mirrored)[:, :2]) > 0


def test_the_eyes_outweigh_guesses_under_the_mask():
    guessed = TEMPLATE_FFHQ_256.copy()
    guessed[2:] += (6, 10)  # as far off as a detector is under a mask
    eyes = apply(crop_matrix(guessed), guessed)[:2]
    # Equal weights would move the eyes by 4 to 5 px.
    assert np.linalg.norm(eyes - TEMPLATE_FFHQ_256[:2], axis=1).max() < 2.5


def test_landmarks_on_one_spot_do_not_blow_up():
    assert np.isfinite(crop_matrix(np.full((5, 2), 7, np.float32))).all()


def test_invert_goes_back():
    matrix = similarity(0.37, 25, -100, 60)
    points = np.array([[0, 0], [1000, 3], [12, 800]], np.float32)
    np.testing.assert_allclose(apply(invert(matrix), apply(matrix, points)), points, atol=1e-2)


def test_the_identity_copies_the_pixels():
    frame = np.random.default_rng(0).integers(0, 256, (CROP_SIZE, CROP_SIZE, 3), np.uint8)
    np.testing.assert_array_equal(warp_face(frame, np.eye(2, 3, dtype=np.float32)), frame)


@pytest.mark.parametrize("scale", [0.06, 0.128, 0.3, 0.6, 0.9, 1.0, 2.5])
def test_a_pixel_lands_where_the_matrix_says(scale):
    # A ramp is unchanged by averaging, so every crop pixel tells the place it came from.
    height, width = 2600, 3000
    frame = ramp(height, width)
    side = CROP_SIZE / scale
    matrix = similarity(scale, 12, 0, 0)
    matrix[:, 2] = 128 - matrix[:, :2] @ (min(1400, 200 + side / 2), min(1250, 200 + side / 2))
    crop = warp_face(frame, matrix)
    y, x = np.mgrid[:CROP_SIZE, :CROP_SIZE]
    source = apply(invert(matrix), np.stack([x, y], axis=-1).reshape(-1, 2))
    inside = ((source > 2 / scale) & (source < np.array([width, height]) - 2 / scale)).all(axis=1)
    assert inside.mean() > 0.3
    expected = source * (255 / np.array([width - 1, height - 1]))
    error = np.abs(crop.reshape(-1, 3)[:, :2] - expected)[inside]
    assert error.max() < 1.6  # rounding of the ramp, of the average and of the interpolation


def test_a_large_face_does_not_alias():
    # One-pixel stripes average to grey; plain interpolation would make bands of them.
    frame = np.zeros((2200, 2200, 3), np.uint8)
    frame[:, ::2] = 255
    crop = warp_face(frame, similarity(256 / 2000, 3, -10, -10))
    assert np.abs(crop.astype(int) - 127).max() < 20


def test_outside_the_frame_the_picture_is_mirrored():
    frame = ramp(256, 256)
    crop = warp_face(frame, similarity(1, 0, 60, 0))
    np.testing.assert_array_equal(crop[:, 60:], frame[:, :196])
    np.testing.assert_array_equal(crop[:, 10:60], frame[:, 50:0:-1])


@pytest.mark.parametrize("shape", [(1, 1), (1, 400), (7, 5)])
def test_tiny_frames_and_far_faces_give_a_crop(shape):
    frame = np.full((*shape, 3), 77, np.uint8)
    for matrix in (
        similarity(1, 0, 0, 0),
        similarity(0.1, 30, 9000, -9000),
        similarity(40, 0, 0, 0),
    ):
        assert (warp_face(frame, matrix) == 77).all()


def test_zooming_out_shrinks_the_face_about_the_forehead():
    matrix = similarity(0.5, 20, 30, -10)
    zoomed = zoom_out(matrix, 0.8)
    points = np.array([[10, 20, 1], [200, 300, 1], [400, 90, 1]], np.float32)
    centre = np.array(ZOOM_CENTRE)
    expected = centre + 0.8 * (points @ matrix.T - centre)
    np.testing.assert_allclose(points @ zoomed.T, expected, atol=1e-4)
    np.testing.assert_array_equal(zoom_out(matrix, 1.0), matrix)
