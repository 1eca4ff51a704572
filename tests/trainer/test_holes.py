"""The region to paint: a mask's outline, widened by what the engine and the segmenter add."""

from __future__ import annotations

import numpy as np
import pytest

from ecgan.engine.align import TEMPLATE_FFHQ_256
from ecgan.trainer.holes import MAX_GROWTH, draw_hole
from ecgan.trainer.synth import mask_shape


@pytest.mark.parametrize("size", [64, 256])
def test_a_hole_holds_its_mask_and_is_wider_by_a_little(size: int) -> None:
    landmarks = TEMPLATE_FFHQ_256 * np.float32(size / 256)
    wider = []
    for seed in range(30):
        mask = mask_shape(landmarks, size, np.random.default_rng(seed))
        hole = draw_hole(landmarks, size, np.random.default_rng(seed))
        assert (hole.shape, hole.dtype) == ((size, size), np.float32)
        assert (hole >= mask).all()
        assert hole.max() <= 1
        rows = (np.flatnonzero((part > 0.5).any(axis=1)) for part in (mask, hole))
        (top, bottom), (higher, lower) = ((found[0], found[-1]) for found in rows)
        assert top - higher <= round(size * MAX_GROWTH)
        assert lower - bottom <= round(size * MAX_GROWTH)
        wider.append(hole.sum() > mask.sum())
    assert 0.5 < np.mean(wider) <= 1


def test_the_same_state_draws_the_same_hole() -> None:
    one, two = (draw_hole(TEMPLATE_FFHQ_256, 256, np.random.default_rng(4)) for _ in range(2))
    np.testing.assert_array_equal(one, two)
