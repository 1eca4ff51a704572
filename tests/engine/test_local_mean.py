"""Smooth colour fields out of scattered pixels."""

from __future__ import annotations

import numpy as np

from ecgan.engine.local_mean import local_mean


def test_one_colour_is_that_colour_everywhere() -> None:
    values = np.full((256, 256, 3), (10, 200, -30), np.float32)
    weight = np.zeros((256, 256), np.float32)
    weight[100:110, 30:200] = 0.4
    field = local_mean(values, weight, 16)
    assert (field.shape, field.dtype) == ((16, 16, 3), np.float32)
    np.testing.assert_allclose(field, np.broadcast_to([10, 200, -30], field.shape), rtol=1e-3)


def test_each_side_keeps_its_own_colour_and_pixels_without_weight_count_for_nothing() -> None:
    values = np.full((256, 256, 3), 999, np.float32)
    weight = np.zeros((256, 256), np.float32)
    for columns, level in ((slice(0, 40), 20), (slice(216, 256), 80)):
        values[:, columns], weight[:, columns] = level, 1
    field = local_mean(values, weight, 16)
    np.testing.assert_allclose(field[:, 0], 20, atol=0.5)
    np.testing.assert_allclose(field[:, -1], 80, atol=0.5)
    assert (np.diff(field[8, :, 0]) >= -1e-3).all()


def test_without_any_weight_the_field_is_zero() -> None:
    values = np.full((64, 64, 3), 50, np.float32)
    assert not local_mean(values, np.zeros((64, 64), np.float32), 16).any()
