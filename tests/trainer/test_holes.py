"""The region to paint: a mask's outline, widened by what the engine and the segmenter add."""

from __future__ import annotations

import numpy as np
import pytest

from ecgan.engine.align import TEMPLATE_FFHQ_256
from ecgan.engine.types import F32
from ecgan.trainer.data.samples import FLIP_ORDER
from ecgan.trainer.data.worn import WornFace
from ecgan.trainer.holes import LIKE, MAX_GROWTH, WornHoles, draw_hole
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


def worn(columns: slice, landmarks: F32) -> WornFace:
    mask = np.zeros((256, 256), np.uint8)
    mask[150:230, columns] = 255
    return WornFace(np.zeros((256, 256, 3), np.uint8), mask, landmarks)


def turned() -> F32:
    points = TEMPLATE_FFHQ_256.copy()
    points[2:, 0] += 18
    return points


@pytest.mark.parametrize("size", [64, 256])
def test_a_worn_hole_comes_from_a_head_held_alike(size: int) -> None:
    # of a head turned to the right the mask reaches far to the right; of a frontal one it does not
    many = [worn(slice(70, 186), TEMPLATE_FFHQ_256)] * LIKE + [
        worn(slice(70, 240), turned())
    ] * LIKE
    holes, rng = WornHoles(many), np.random.default_rng(0)
    scale = np.float32(size / 256)
    slack = round(size * MAX_GROWTH) + 1  # and a pixel of interpolation
    for landmarks, left, right in (
        (TEMPLATE_FFHQ_256, 70, 186),
        (turned(), 70, 240),
        ((turned() * [-1, 1] + [255, 0])[FLIP_ORDER].astype(np.float32), 16, 186),
    ):
        for _ in range(4):
            hole = holes.draw(landmarks * scale, size, rng)
            assert (hole.shape, hole.dtype) == ((size, size), np.float32)
            columns = np.flatnonzero((hole > 0.5).any(axis=0))
            assert left * scale - slack <= columns[0] <= left * scale + 1
            assert right * scale - 1 <= columns[-1] + 1 <= right * scale + slack


def test_a_worn_hole_moves_with_the_face() -> None:
    holes = WornHoles([worn(slice(70, 186), TEMPLATE_FFHQ_256)])
    hole = holes.draw(
        TEMPLATE_FFHQ_256 * np.float32(0.5) + np.float32(60), 256, np.random.default_rng(3)
    )
    rows = np.flatnonzero((hole > 0.5).any(axis=1))
    assert 135 - 14 <= rows[0] <= 136
    assert 174 <= rows[-1] <= 175 + 14


def test_worn_holes_of_nobody_are_refused() -> None:
    with pytest.raises(ValueError, match="no worn masks"):
        WornHoles([])
