import numpy as np

from ecgan.engine.detect.boxes import Candidates, clip, distinct, merge, overlaps
from ecgan.engine.types import Face

FACE = np.array([[30, 40], [70, 40], [50, 60], [35, 80], [65, 80]], np.float32)


def candidates(*rows: tuple[tuple[float, ...], float, np.ndarray]) -> Candidates:
    boxes = np.array([row[0] for row in rows], np.float32).reshape(-1, 4)
    return Candidates(
        boxes,
        np.array([row[1] for row in rows], np.float32),
        np.array([row[2] for row in rows], np.float32).reshape(-1, 5, 2),
        boxes[:, 3] - boxes[:, 1],
    )


def test_overlaps_of_hand_made_boxes():
    box = np.array([0, 0, 10, 10], np.float32)
    others = np.array([[0, 0, 10, 10], [5, 0, 15, 10], [20, 20, 30, 30], [0, 0, 0, 0]], np.float32)
    np.testing.assert_allclose(overlaps(box, others), [1, 50 / 150, 0, 0], atol=1e-6)


def test_candidates_up_to_a_height():
    few = candidates(((0, 0, 10, 40), 0.9, FACE), ((0, 0, 10, 41), 0.8, FACE + 1)).up_to(40)
    assert (few.boxes.tolist(), few.heights.tolist()) == ([[0, 0, 10, 40]], [40])
    np.testing.assert_allclose(few.scores, [0.9], rtol=1e-6)
    np.testing.assert_array_equal(few.landmarks, FACE[None])


def test_clip_cuts_boxes_at_the_frame():
    clipped = clip(np.array([[-5, -1, 20, 30]], np.float32), width=16, height=9)
    assert clipped.tolist() == [[0, 0, 16, 9]]


def test_one_face_seen_in_two_passes_is_one_suggestion():
    first = candidates(((0, 0, 100, 120), 0.6, FACE))
    second = candidates(((4, 2, 104, 118), 0.9, FACE + 2))
    (face,) = merge([first, second])
    assert face.box.tolist() == [4, 2, 104, 118]
    assert face.score == np.float32(0.9)
    assert np.isclose(face.evidence, 1.5)
    # The landmarks are a mean, so they lie between the two passes'.
    assert (face.landmarks > FACE).all()
    assert (face.landmarks < FACE + 2).all()


def test_boxes_of_one_pass_count_once_as_evidence():
    once = candidates(((0, 0, 100, 120), 0.6, FACE), ((3, 3, 103, 123), 0.5, FACE))
    (face,) = merge([once])
    assert np.isclose(face.evidence, 0.6)


def test_nested_duplicate_with_the_same_eyes_is_dropped():
    outer = ((0, 0, 200, 240), 0.9, FACE)
    inner = ((20, 20, 90, 100), 0.8, FACE + 1)
    assert len(merge([candidates(outer, inner)])) == 1


def test_nested_second_face_with_other_eyes_is_kept():
    outer = ((0, 0, 200, 240), 0.9, FACE)
    behind = ((140, 10, 190, 60), 0.8, FACE * 0.4 + [130, 0])
    assert len(merge([candidates(outer, behind)])) == 2


def test_suggestions_come_surest_first_and_nothing_gives_nothing():
    rows = [
        ((200 * i, 0, 200 * i + 80, 90), 0.3 + 0.1 * i, np.add(FACE, [200 * i, 0]))
        for i in range(5)
    ]
    scores = [face.score for face in merge([candidates(*rows)])]
    assert scores == sorted(scores, reverse=True)
    assert merge([candidates()]) == []


def test_faces_with_the_same_landmarks_are_one_whatever_their_boxes():
    box = np.array([0, 0, 100, 120], np.float32)
    first = Face(box, 0.9, FACE)
    again = Face(box + 60, 0.8, FACE + 3)
    other = Face(box + 60, 0.7, FACE + 40)
    assert distinct([first, again, other]) == [first, other]


def test_a_profile_found_twice_is_one_face_and_its_neighbour_another():
    points = np.array([[50, 40], [54, 40], [30, 60], [46, 80], [49, 80]], np.float32)
    first = Face(np.array([20, 0, 90, 100], np.float32), 0.9, points)
    again = Face(np.array([0, 10, 60, 110], np.float32), 0.8, points + np.array([-8, 4]))  # 9 px
    other = Face(np.array([40, 0, 120, 100], np.float32), 0.7, points + np.array([23, 0]))
    assert distinct([first, again, other]) == [first, other]
