from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ecgan.engine.detect.retinaface import RetinaFace
from ecgan.engine.temporal import FaceTracker
from ecgan.engine.types import U8, Face

PORTRAIT = Path(__file__).resolve().parents[2] / "examples" / "astronaut_masked.jpg"
FPS = 30


class Counting:
    """The real detector, with a note of every look at a whole frame."""

    name = "counting"

    def __init__(self) -> None:
        self._real = RetinaFace(threads=1)
        self.whole: list[bool] = []
        self.small = 0

    def detect(self, frame: U8, *, quick: bool = False) -> list[Face]:
        if frame.shape[1] >= 640:
            self.whole.append(quick)
        else:
            self.small += 1
        return self._real.detect(frame, quick=quick)


@pytest.fixture
def detector() -> Counting:
    return Counting()


@pytest.fixture(scope="module")
def head() -> U8:
    """A masked head, 160 px wide."""
    portrait = Image.open(PORTRAIT).convert("RGB").crop((110, 0, 350, 300))
    return np.asarray(portrait.resize((160, 200), Image.Resampling.LANCZOS))


@pytest.fixture(scope="module")
def wall() -> U8:
    import cv2

    noise = np.random.default_rng(5).integers(60, 140, (36, 64, 3), np.uint8)
    return np.asarray(cv2.resize(noise, (640, 360), interpolation=cv2.INTER_CUBIC))


def scene(wall: U8, head: U8, *places: tuple[float, float]) -> U8:
    """Heads before the wall, each at a place to a fraction of a pixel."""
    import cv2

    frame = wall.copy()
    for x, y in places:
        matrix = np.array([[1, 0, x], [0, 1, y]], np.float32)
        size = (wall.shape[1], wall.shape[0])
        moved = cv2.warpAffine(head, matrix, size)
        there = cv2.warpAffine(np.ones(head.shape[:2], np.float32), matrix, size)
        frame = np.where(there[..., None] > 0.99, moved, frame)
    return frame


def follow(tracker: FaceTracker, frames: list[U8], start: float = 0.0) -> list:
    return [tracker.update(frame, start + i / FPS) for i, frame in enumerate(frames)]


def test_a_moving_face_keeps_its_number_and_does_not_lag(detector, wall, head):
    places = [(100 + 2 * i, 60 + 0.5 * i) for i in range(90)]
    tracks = follow(FaceTracker(detector), [scene(wall, head, place) for place in places])
    assert [[face.track_id for face in faces] for faces in tracks] == [[1]] * 90
    relative = np.array(
        [faces[0].face.landmarks - place for faces, place in zip(tracks, places, strict=True)]
    )
    # Relative to the head the landmarks stand still: against a standing head no lag, no trembling.
    still = follow(FaceTracker(detector), [scene(wall, head, places[0])] * 60)
    reference = np.mean([faces[0].face.landmarks - places[0] for faces in still[20:]], axis=0)
    lag = (relative[30:] - reference).mean(axis=(0, 1))
    assert np.hypot(*lag) < 1.5
    assert np.diff(relative[30:], axis=0).std() < 0.3


def test_most_frames_cost_no_look_at_the_whole_frame(detector, wall, head):
    frames = [scene(wall, head, (200 + i, 80)) for i in range(48)]
    follow(FaceTracker(detector, every=6), frames)
    assert len(detector.whole) == 8
    assert detector.whole.count(False) == 2
    assert detector.small <= 24


def test_numbers_go_left_to_right_then_by_appearance(detector, wall, head):
    two = [scene(wall, head, (420, 70), (30, 90))] * 3
    three = [scene(wall, head, (420, 70), (30, 90), (230, 60))] * 20
    tracks = follow(FaceTracker(detector), two + three)
    left, right = tracks[0]
    assert (left.track_id, right.track_id) == (1, 2)
    assert left.face.bbox[0] < right.face.bbox[0]
    assert [face.track_id for face in tracks[-1]] == [1, 2, 3]
    assert 200 < tracks[-1][2].face.bbox[0] < 330


def test_a_face_hidden_for_a_moment_is_held_in_place(detector, wall, head):
    seen, hidden = scene(wall, head, (220, 80)), wall
    tracks = follow(FaceTracker(detector), [seen] * 10 + [hidden] * 6 + [seen] * 10)
    assert [[face.track_id for face in faces] for faces in tracks] == [[1]] * 26
    assert max(faces[0].lost_frames for faces in tracks[10:16]) >= 3
    assert tracks[-1][0].lost_frames == 0
    before, held = tracks[9][0].face.landmarks, tracks[15][0].face.landmarks
    assert np.abs(held - before).max() < 10


def test_a_face_away_for_a_second_is_not_painted_but_known_again(detector, wall, head):
    seen = scene(wall, head, (220, 80))
    tracks = follow(FaceTracker(detector), [seen] * 10 + [wall] * 30 + [seen] * 12)
    assert tracks[39] == []
    assert [face.track_id for face in tracks[-1]] == [1]


def test_a_hard_cut_starts_anew_and_goes_on_counting(detector, wall, head):
    other = 255 - np.roll(wall, 300, axis=1)[:, ::-1]
    before = [scene(wall, head, (220, 80))] * 5
    after = [scene(other, head, (230, 85))] * 5
    tracker = FaceTracker(detector)
    cuts, numbers = [], []
    for i, frame in enumerate(before + after):
        faces = tracker.update(frame, i / FPS)
        cuts.append(tracker.is_cut)
        numbers.append([face.track_id for face in faces])
    assert cuts == [False] * 5 + [True] + [False] * 4
    assert numbers == [[1]] * 5 + [[2]] * 5


def test_a_face_that_leaves_the_frame_is_dropped(detector, wall, head):
    places = [(420 + 12 * i, 80) for i in range(25)]
    tracks = follow(FaceTracker(detector), [scene(wall, head, place) for place in places])
    assert len(tracks[0]) == 1
    assert tracks[-1] == []


def test_uneven_frames_are_followed(detector, wall, head):
    rng = np.random.default_rng(0)
    times = np.cumsum(rng.choice([1 / 60, 1 / 30, 1 / 8], 60))
    tracker = FaceTracker(detector)
    places = [(150 + 40 * time, 80.0) for time in times]
    relative = []
    for time, place in zip(times, places, strict=True):
        (face,) = tracker.update(scene(wall, head, place), float(time))
        assert face.track_id == 1
        relative.append(face.face.landmarks - place)
    # Half a second to settle, then within the detector's own scatter.
    assert np.std(relative[20:], axis=0).max() < 2


def test_frames_without_faces_give_nothing(detector, wall):
    assert all(faces == [] for faces in follow(FaceTracker(detector), [wall] * 12))
    assert FaceTracker(detector).update(np.zeros((1, 1, 3), np.uint8), 0.0) == []


class Hasty:
    """Sees a face in every quick look at a whole frame, and never in a closer one."""

    name = "hasty"

    def detect(self, frame: U8, *, quick: bool = False) -> list[Face]:
        if not quick or frame.shape[1] < 640:
            return []
        points = np.array([[35, 45], [65, 45], [50, 60], [38, 75], [62, 75]], np.float32)
        return [Face(np.array([100, 100, 200, 200], np.float32), 0.9, points + 100)]


def test_a_false_alarm_of_a_quick_search_needs_a_second_look(wall):
    assert all(faces == [] for faces in follow(FaceTracker(Hasty()), [wall] * 12))
