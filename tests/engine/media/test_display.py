from __future__ import annotations

import numpy as np
import pytest

from ecgan.engine.media.display import Orientation
from ecgan.engine.types import Patch

ALL = [Orientation(turns, mirrored) for turns in range(4) for mirrored in (False, True)]


@pytest.mark.parametrize("orientation", ALL)
def test_stored_undoes_upright(orientation: Orientation) -> None:
    picture = np.arange(5 * 7 * 3).reshape(5, 7, 3)
    upright = orientation.upright(picture)
    assert upright.shape[1::-1] == orientation.upright_size(7, 5)
    np.testing.assert_array_equal(orientation.stored(upright), picture)


@pytest.mark.parametrize("orientation", ALL)
def test_matrix_says_where_each_sample_goes(orientation: Orientation) -> None:
    """The definition: a display matrix maps stored (x, y) to upright (x, y), up to a shift."""
    picture = np.arange(5 * 7).reshape(5, 7)
    upright = orientation.upright(picture)
    x = [int(v) for v in np.argwhere(upright == picture[0, 1])[0] - _place(upright, picture[0, 0])]
    y = [int(v) for v in np.argwhere(upright == picture[1, 0])[0] - _place(upright, picture[0, 0])]
    one = 65536
    matrix = [x[1] * one, x[0] * one, 0, y[1] * one, y[0] * one, 0, 0, 0, 1 << 30]
    assert Orientation.from_matrix(matrix) == orientation


def _place(picture: np.ndarray, value: int) -> np.ndarray:
    return np.argwhere(picture == value)[0]


def test_from_matrix_takes_scaled_and_missing_matrices() -> None:
    assert Orientation.from_matrix(None).is_upright
    assert Orientation.from_matrix([0, -32768, 0, 32768, 0, 0, 0, 0, 1 << 30]) == Orientation(1)


@pytest.mark.parametrize("orientation", ALL)
def test_stored_patch_paints_the_same_samples(orientation: Orientation) -> None:
    rng = np.random.default_rng(0)
    height, width = 11, 17
    wide, tall = orientation.upright_size(width, height)
    alpha = rng.random((4, 6), np.float32)
    patch = Patch(wide - 7, 2, rng.random((4, 6, 3), np.float32), alpha)
    upright = np.zeros((tall, wide), np.float32)
    upright[2:6, wide - 7 : wide - 1] = alpha
    moved = orientation.stored_patch(patch, width, height)
    stored = np.zeros((height, width), np.float32)
    rows, columns = moved.alpha.shape
    stored[moved.y : moved.y + rows, moved.x : moved.x + columns] = moved.alpha
    np.testing.assert_array_equal(orientation.upright(stored), upright)
