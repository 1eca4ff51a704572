"""The mask's edge moves to where the covering's colour ends, and no farther."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from ecgan.engine.edge import REACH_PX, grow_to_edge
from ecgan.engine.types import F32, U8


def _covering(shrunk: int = 0) -> F32:
    mask = np.zeros((256, 256), np.float32)
    cv2.ellipse(mask, (128, 175), (55 - shrunk, 45 - shrunk), 0, 0, 360, (1.0,), -1)
    return mask


def _worn(colour: tuple[int, int, int], noise: float = 3.0) -> U8:
    """Skin with a slope of light, and a covering on it."""
    light = np.linspace(-20, 20, 256)[None, :, None]
    skin = np.array([190, 150, 130]) + light
    picture = np.where(_covering()[..., None] > 0, np.array(colour) + 0.5 * light, skin)
    picture = picture + np.random.default_rng(0).normal(0, noise, picture.shape)
    return np.clip(cv2.GaussianBlur(picture, (0, 0), 0.7), 0, 255).astype(np.uint8)


@pytest.mark.parametrize("colour", [(110, 170, 215), (20, 20, 25), (245, 245, 245)])
@pytest.mark.parametrize("shrunk", [0, 2, 4])
def test_it_reaches_the_true_edge(colour: tuple[int, int, int], shrunk: int) -> None:
    grown = grow_to_edge(_worn(colour), _covering(shrunk))
    wrong = (grown > 0.5) != (_covering() > 0.5)
    # The edge is some 310 px long: on average it lies half a pixel off at most.
    assert np.count_nonzero(wrong) < 155


def test_it_never_takes_from_the_mask_and_never_goes_beyond_its_reach() -> None:
    everything = np.full((256, 256, 3), 60, np.uint8)
    everything[:40] = 200
    mask = cv2.GaussianBlur(_covering(20), (0, 0), 2)
    grown = grow_to_edge(everything, mask)
    assert (grown >= mask).all()
    far = cv2.distanceTransform((mask < 0.5).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    assert far[grown > mask].max(initial=0) <= REACH_PX * 1.1


def test_a_covering_in_the_colour_of_skin_stays_as_it_is() -> None:
    mask = _covering(3)
    np.testing.assert_array_equal(grow_to_edge(_worn((190, 150, 130)), mask), mask)


def test_a_third_colour_beside_it_is_not_taken() -> None:
    """A green finger at the edge of a blue mask on skin."""
    picture = _worn((110, 170, 215))
    picture[120:136, 100:150] = (60, 200, 60)
    grown = grow_to_edge(picture, _covering(2))
    assert grown[120:128, 104:146].max() == 0


def test_nothing_covered_or_all_covered_comes_back() -> None:
    for level in (0.0, 1.0):
        mask = np.full((256, 256), level, np.float32)
        assert grow_to_edge(_worn((0, 0, 0)), mask) is mask
