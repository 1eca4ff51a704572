"""Samples: geometry, conditions, and that they depend on seed and number alone."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ecgan.engine.align import TEMPLATE_FFHQ_256
from ecgan.engine.errors import DatasetError
from ecgan.trainer.data import FaceSet, SampleStream, load_folder
from ecgan.trainer.data.samples import (
    FLIP_ORDER,
    JITTER_DEGREES,
    JITTER_SCALE,
    MASKED_SCALE,
    draw_sample,
    is_turned,
    jitter_matrix,
    masked_matrix,
    source_weights,
)
from ecgan.trainer.data.shards import BrokenPicture


@pytest.fixture
def faces(faces_folder: Path) -> FaceSet:
    return load_folder(faces_folder)


@pytest.mark.parametrize("size", [64, 256])
def test_without_jitter_the_face_lies_on_the_template(faces: FaceSet, size: int) -> None:
    sample = draw_sample(faces, 0, np.random.default_rng(0), size, jitter=0)
    wanted = (TEMPLATE_FFHQ_256 + 0.5) * size / 256 - 0.5
    np.testing.assert_allclose(sample.landmarks, wanted, atol=0.1)
    x, y = np.round(sample.landmarks[0]).astype(int)
    assert sample.image[y, x].max() < 110  # the pupil is dark, whatever the size


def test_landmarks_follow_the_jittered_picture(faces: FaceSet) -> None:
    for seed in range(12):
        sample = draw_sample(faces, 2, np.random.default_rng(seed), 256, jitter=1.5)
        for x, y in np.round(sample.landmarks[:2]).astype(int):
            assert sample.image[y, x].max() < 120
        assert sample.landmarks[0, 0] < sample.landmarks[1, 0]  # mirroring swaps the eyes


def test_labels_win_over_soft_conditions(faces: FaceSet) -> None:
    soft = {record.key: np.full(7, 1 / 7, np.float32) for record in faces}
    rng = np.random.default_rng(0)
    assert draw_sample(faces, 1, rng, 64, conditions=soft).weights.max() == 1
    np.testing.assert_allclose(draw_sample(faces, 0, rng, 64, conditions=soft).weights, 1 / 7)
    assert not draw_sample(faces, 0, rng, 64).weights.any()


def make_stream(faces: FaceSet, start: int = 0) -> SampleStream:
    return SampleStream(
        lambda row, rng: {"image": draw_sample(faces, row, rng, 64).image, "row": np.array(row)},
        source_weights(faces, {}),
        batch=4,
        seed=7,
        start=start,
    )


def test_a_resumed_stream_gives_the_same_samples(faces: FaceSet) -> None:
    first = make_stream(faces)
    batches = [next(first) for _ in range(3)]
    first.close()
    resumed = make_stream(faces, start=8)
    np.testing.assert_array_equal(next(resumed)["image"], batches[2]["image"])
    resumed.close()


def test_weights_decide_how_often_a_row_comes(faces: FaceSet) -> None:
    weights = np.zeros(len(faces))
    weights[5], weights[9] = 3, 1
    stream = SampleStream(lambda row, rng: {"row": np.array(row)}, weights, batch=8, seed=0)
    rows = [int(stream.item(n)["row"]) for n in range(400)]
    stream.close()
    assert set(rows) == {5, 9}
    assert 0.68 < rows.count(5) / 400 < 0.82  # three standard deviations around 0.75


def test_classes_are_balanced_and_the_rest_stays(faces: FaceSet) -> None:
    train = faces.select("train")
    labels = np.array([record.label for record in train])
    plain, balanced = (source_weights(train, {"drawn": 2}, balance=b) for b in (False, True))
    np.testing.assert_allclose(balanced[labels < 0], plain[labels < 0])
    each = np.bincount(labels[labels >= 0], balanced[labels >= 0])
    np.testing.assert_allclose(each, each[0])
    assert each.sum() == pytest.approx(plain[labels >= 0].sum())


def test_turned_heads_come_more_often(faces: FaceSet) -> None:
    nose = np.linspace(0.0, 1.0, 11)
    landmarks = [
        np.array([[90, 120], [150, 120], [90 + 60 * x, 150], [100, 180], [150, 180]], np.float32)
        for x in nose
    ]
    rolled = np.array([[0, -1], [1, 0]], np.float32)
    for each in (landmarks, [points @ rolled.T for points in landmarks]):
        assert [is_turned(points) for points in each] == list(abs(nose - 0.5) > 0.18)
    rows = FaceSet([replace(faces[0], landmarks=points) for points in landmarks])
    weights = source_weights(rows, {}, turned=4.0)
    assert list(weights) == [4.0 if abs(x - 0.5) > 0.18 else 1.0 for x in nose]


def test_a_class_without_a_picture_is_named(faces: FaceSet) -> None:
    few = FaceSet([record for record in faces if record.label != 2])
    with pytest.raises(DatasetError, match="no picture of 'disgust'"):
        source_weights(few, {}, balance=True)
    with pytest.raises(DatasetError, match="no picture to train on"):
        source_weights(faces, {"drawn": 0})


def test_broken_pictures_are_passed_over_counted_and_named(
    faces: FaceSet, caplog: pytest.LogCaptureFixture
) -> None:
    def draw(row: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
        if row % 2:
            raise BrokenPicture(f"row {row} is broken")
        return {"row": np.array(row)}

    stream = SampleStream(draw, np.ones(6), batch=8, seed=0)
    rows = {int(stream.item(n)["row"]) for n in range(60)}
    stream.close()
    assert rows == {0, 2, 4}
    assert stream.broken == 3
    assert sorted(r.message for r in caplog.records) == [
        f"passed over: row {row} is broken" for row in (1, 3, 5)
    ]


def test_a_set_of_broken_pictures_is_given_up() -> None:
    def broken(row: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
        raise BrokenPicture("'a.jpg' is not a readable picture")

    stream = SampleStream(broken, np.ones(3), batch=2, seed=0)
    with pytest.raises(DatasetError, match=r"20 pictures in succession are broken: 'a\.jpg'"):
        next(stream)


def test_jitter_is_what_was_measured_on_masked_faces() -> None:
    drawn = [jitter_matrix(np.random.default_rng(n), 256) for n in range(2000)]
    scales = np.log([np.hypot(m[0, 0], m[1, 0]) for m in drawn])
    angles = np.degrees([np.arctan2(m[1, 0], m[0, 0]) for m in drawn])
    assert scales.std() == pytest.approx(JITTER_SCALE, rel=0.07)  # four deviations of 2000
    assert angles.std() == pytest.approx(JITTER_DEGREES, rel=0.07)
    assert abs(scales.mean()) < 0.006


def test_faces_come_out_too_small_as_under_masks(faces: FaceSet) -> None:
    apart = []
    for seed in range(300):
        points = draw_sample(faces, 0, np.random.default_rng(seed), 256).landmarks
        apart.append(np.log(np.hypot(*(points[1] - points[0])) / 63.8))
    # the ones that are not zoomed: the upper part of the two groups
    assert np.median(np.sort(apart)[-180:]) == pytest.approx(MASKED_SCALE, abs=0.03)


@pytest.mark.parametrize(("nose", "degrees", "scale"), [(127.5, 0, -5.6), (146.6, 3.3, 3.4)])
def test_turned_heads_come_out_larger_and_rolled_as_under_masks(
    nose: float, degrees: float, scale: float
) -> None:
    points = np.array([[95.6, 112], [159.4, 112], [nose, 147], [104, 182], [151, 182]], np.float32)
    for mirrored in (False, True):
        seen = (points * [-1, 1] + [255, 0])[FLIP_ORDER] if mirrored else points
        matrix = masked_matrix(seen.astype(np.float32), 256)
        angle = np.degrees(np.arctan2(matrix[1, 0], matrix[0, 0]))
        assert angle == pytest.approx(-degrees if mirrored else degrees, abs=0.05)
        factor = np.log(np.hypot(matrix[0, 0], matrix[1, 0]))
        assert 100 * factor == pytest.approx(scale, abs=0.05)


def test_an_error_in_the_thread_reaches_the_consumer(faces: FaceSet) -> None:
    def broken(row: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
        raise DatasetError("no such picture")

    stream = SampleStream(broken, np.ones(3), batch=2, seed=0)
    with pytest.raises(DatasetError, match="no such picture"):
        next(stream)
