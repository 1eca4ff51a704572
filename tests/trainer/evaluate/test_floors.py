"""Fills on pictures where the right answer is known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ecgan.trainer.data import load_faces
from ecgan.trainer.evaluate.floors import mean_face, mean_face_fill, ring_mean_fill, telea_fill


@pytest.fixture
def hole() -> np.ndarray:
    marked = np.zeros((256, 256), bool)
    marked[150:220, 70:190] = True
    return marked


def test_ring_mean_takes_the_colour_beside_the_hole(hole: np.ndarray) -> None:
    picture = np.full((256, 256, 3), 10, np.uint8)
    picture[140:230, 60:200] = (200, 150, 100)
    masked = np.where(hole[..., None], 0, picture).astype(np.uint8)
    assert np.array_equal(ring_mean_fill(masked, hole), picture)


def test_the_mean_face_is_shifted_to_the_ring(hole: np.ndarray) -> None:
    average = np.random.default_rng(0).uniform(60, 160, (256, 256, 3)).astype(np.float32)
    truth = np.rint(average + np.array([20, -10, 5], np.float32)).astype(np.uint8)
    masked = np.where(hole[..., None], 0, truth).astype(np.uint8)
    error = mean_face_fill(masked, hole, average).astype(int) - truth
    assert np.abs(error).max() <= 1


def test_telea_goes_on_with_a_slope_better_than_a_flat_colour(hole: np.ndarray) -> None:
    ramp = np.linspace(40, 200, 256, dtype=np.float32)[None, :, None]
    picture = np.broadcast_to(ramp, (256, 256, 3)).astype(np.uint8)
    masked = np.where(hole[..., None], 0, picture).astype(np.uint8)

    def error(filled: np.ndarray) -> float:
        return float(np.abs(filled.astype(int) - picture)[hole].mean())

    telea = telea_fill(masked, hole)
    assert np.array_equal(telea[~hole], picture[~hole])
    assert error(telea) < 0.6 * error(ring_mean_fill(masked, hole))


def test_mean_face_is_the_mean(faces_folder: Path) -> None:
    faces = load_faces(faces_folder / "faces" / "faces.csv").select("train")
    pictures = [faces.image(index).astype(np.float64) for index in range(len(faces))]
    assert np.abs(mean_face(faces, 1000) - np.mean(pictures, axis=0)).max() < 0.01
    assert np.abs(mean_face(faces, 6) - np.mean(pictures[::4], axis=0)).max() < 0.01
