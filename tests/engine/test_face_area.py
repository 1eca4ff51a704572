"""Whose mask a mask is."""

from __future__ import annotations

import cv2
import numpy as np

from ecgan.engine.face_area import close_gaps, own_covering, share_mask


def _disc(x: float, y: float, radius: float) -> np.ndarray:
    mask = np.zeros((256, 256), np.float32)
    cv2.circle(mask, (int(x), int(y)), int(radius), 1.0, -1)
    return mask


def test_own_covering_stays_as_it_is() -> None:
    mask = cv2.GaussianBlur(_disc(128, 175, 50), (7, 7), 2)
    np.testing.assert_array_equal(own_covering(mask), mask)


def test_a_neighbours_covering_goes_and_the_own_one_stays() -> None:
    own, foreign = _disc(128, 175, 50), _disc(250, 170, 40)
    np.testing.assert_array_equal(own_covering(np.maximum(own, foreign)), own)


def test_soft_edges_go_with_their_part() -> None:
    assert own_covering(cv2.GaussianBlur(_disc(256, 200, 40), (7, 7), 1)).max() < 0.01


def test_an_empty_mask_stays_empty() -> None:
    assert own_covering(np.zeros((256, 256), np.float32)).max() == 0


def test_a_print_that_was_not_found_is_covered_with_its_soft_edge() -> None:
    whole = cv2.GaussianBlur(_disc(128, 180, 50), (7, 7), 2)
    print_ = cv2.GaussianBlur(_disc(120, 185, 12), (7, 7), 2)
    closed = close_gaps(whole * (1 - print_))
    # three pixels of the soft edge are covered, of which the blur draws a little more
    np.testing.assert_allclose(closed[whole > 0.999], 1, atol=0.02)
    np.testing.assert_array_equal(closed[whole < 0.5], whole[whole < 0.5])


def test_what_is_open_large_or_beside_the_face_stays_open() -> None:
    nose_free = _disc(128, 180, 50)
    nose_free[120:160, 118:138] = 0
    hand = _disc(128, 180, 50) - _disc(128, 180, 30)
    loop = np.maximum(_disc(128, 180, 40), _disc(205, 165, 30)) - _disc(212, 165, 20)
    for mask in (
        nose_free,
        hand,
        loop,
        np.zeros((256, 256), np.float32),
        np.ones((256, 256), np.float32),
    ):
        np.testing.assert_array_equal(close_gaps(mask), mask)


def _matrix(x: float, y: float, scale: float) -> np.ndarray:
    """Crop whose middle lies at (x, y) of the frame."""
    return np.array([[scale, 0, 128 - scale * x], [0, scale, 128 - scale * y]], np.float32)


def test_each_part_of_a_drawn_mask_goes_to_the_face_it_lies_on() -> None:
    frame_mask = np.zeros((300, 600), np.float32)
    cv2.circle(frame_mask, (150, 170), 40, 1.0, -1)
    cv2.circle(frame_mask, (310, 170), 40, 1.0, -1)
    left, right, bare = share_mask(
        frame_mask, [_matrix(150, 150, 1), _matrix(310, 150, 1), _matrix(520, 150, 1)]
    )
    # 150 px apart: each crop shows some of the other's mask, and none of it may stay.
    np.testing.assert_array_equal(left, frame_mask[22:278, 22:278] * (np.arange(256) < 180))
    assert right[:, :60].max() == 0
    assert right.sum() == left.sum()
    assert bare.max() == 0


def test_one_part_over_two_faces_is_for_both() -> None:
    frame_mask = np.zeros((300, 600), np.float32)
    frame_mask[150:200, 100:360] = 1
    left, right = share_mask(frame_mask, [_matrix(150, 150, 1), _matrix(310, 150, 1)])
    assert left.max() == right.max() == 1


def test_without_faces_nothing_is_shared() -> None:
    assert share_mask(np.ones((10, 10), np.float32), []) == []
