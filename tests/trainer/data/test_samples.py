"""Samples: geometry, conditions, and that they depend on seed and number alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ecgan.engine.align import TEMPLATE_FFHQ_256
from ecgan.engine.errors import DatasetError
from ecgan.trainer.data import FaceSet, SampleStream, load_folder
from ecgan.trainer.data.samples import draw_sample, source_weights


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
    soft = {record.file: np.full(7, 1 / 7, np.float32) for record in faces}
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


def test_an_error_in_the_thread_reaches_the_consumer(faces: FaceSet) -> None:
    def broken(row: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
        raise DatasetError("no such picture")

    stream = SampleStream(broken, np.ones(3), batch=2, seed=0)
    with pytest.raises(DatasetError, match="no such picture"):
        next(stream)
