"""The surroundings of a photo that does not fill its crop."""

from __future__ import annotations

import numpy as np

from ecgan.trainer.prepare.surround import continue_photo


def box(low: float, high: float) -> np.ndarray:
    return np.array([[low, low], [high, low], [high, high], [low, high]], np.float32)


def test_the_photo_stays_and_its_colours_go_on() -> None:
    crop = np.random.default_rng(0).integers(0, 255, (256, 256, 3)).astype(np.uint8)
    crop[64:193, 64:193] = (200, 100, 50)
    filled = continue_photo(crop, box(64, 192))
    np.testing.assert_array_equal(filled[64:193, 64:193], crop[64:193, 64:193])
    # away from the edge nothing of the noise is left
    assert np.abs(filled[:54].astype(int) - (200, 100, 50)).max() <= 2


def test_a_narrow_rim_stays_mirrored_as_in_use() -> None:
    crop = np.random.default_rng(0).integers(0, 255, (256, 256, 3)).astype(np.uint8)
    np.testing.assert_array_equal(continue_photo(crop, box(8, 250)), crop)
