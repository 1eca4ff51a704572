import numpy as np
import pytest

from ecgan.engine.motion import FacePatch, is_cut, scene_of

BOX = np.array([120, 90, 240, 250], np.float32)


def texture(seed: int, height: int = 360, width: int = 480) -> np.ndarray:
    import cv2

    noise = np.random.default_rng(seed).integers(0, 256, (height // 8, width // 8, 3), np.uint8)
    return np.asarray(cv2.resize(noise, (width, height), interpolation=cv2.INTER_CUBIC))


def warped(frame: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    import cv2

    size = (frame.shape[1], frame.shape[0])
    return np.asarray(cv2.warpAffine(frame, matrix, size, borderMode=cv2.BORDER_REFLECT))


@pytest.mark.parametrize(
    "matrix",
    [
        np.array([[1, 0, 3.5], [0, 1, -2.25]]),
        np.array([[1.02, 0, -2], [0, 1.02, -4]]),
        np.array([[0.999, -0.0349, 6], [0.0349, 0.999, -5]]),
    ],
)
@pytest.mark.parametrize("zoom", [1, 3])
def test_flow_finds_shift_scale_and_turn(matrix, zoom):
    frame = texture(0, 360 * zoom, 480 * zoom)
    moved = matrix.copy()
    moved[:, 2] *= zoom
    box = BOX * zoom
    motion = FacePatch.around(frame, box).motion_into(warped(frame, moved))
    corners = np.array([[box[0], box[1]], [box[2], box[3]], [box[0], box[3]]])
    found = corners @ motion[:, :2].T + motion[:, 2]
    expected = corners @ moved[:, :2].T + moved[:, 2]
    assert np.abs(found - expected).max() < 0.25 * zoom


def test_a_still_face_does_not_move():
    frame = texture(1)
    motion = FacePatch.around(frame, BOX).motion_into(frame)
    np.testing.assert_allclose(motion, np.eye(2, 3), atol=1e-3)


def test_another_picture_is_not_a_motion():
    assert FacePatch.around(texture(1), BOX).motion_into(texture(2)) is None


def test_a_flat_face_has_no_motion_and_a_face_outside_no_patch():
    flat = np.full((360, 480, 3), 90, np.uint8)
    assert FacePatch.around(flat, BOX).motion_into(flat) is None
    assert FacePatch.around(flat, BOX + 1000) is None
    assert FacePatch.around(flat[:4, :4], BOX) is None


def test_a_new_shot_is_a_cut():
    assert is_cut(scene_of(texture(1)), scene_of(texture(2)))


def test_motion_flash_noise_and_black_are_no_cuts():
    rng = np.random.default_rng(0)
    frame = texture(1) // 2
    noisy = np.clip(frame + rng.normal(0, 12, frame.shape), 0, 255).astype(np.uint8)
    black = np.zeros_like(frame)
    grain = rng.integers(0, 8, frame.shape, np.uint8)
    for other in (np.roll(frame, 6, axis=1), frame + 100, noisy):
        assert not is_cut(scene_of(frame), scene_of(other))
    assert not is_cut(scene_of(black), scene_of(grain))


@pytest.mark.parametrize("shape", [(1, 1), (2000, 3)])
def test_scenes_of_odd_frames(shape):
    assert scene_of(np.zeros((*shape, 3), np.uint8)).shape == (18, 32, 3)
