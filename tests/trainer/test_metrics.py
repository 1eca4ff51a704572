"""Figures against values worked out by hand and against plain loops."""

from __future__ import annotations

import numpy as np
import pytest

from ecgan.trainer.metrics import halved, region_psnr, region_ssim, seam, sharpness


@pytest.fixture
def picture() -> np.ndarray:
    return np.random.default_rng(0).integers(40, 200, (64, 64, 3), dtype=np.uint8)


def region() -> np.ndarray:
    inside = np.zeros((64, 64), np.float32)
    inside[20:50, 10:40] = 1
    return inside


def test_psnr_counts_only_the_region(picture: np.ndarray) -> None:
    other = picture.copy()
    other[20:50, 10:40] += 10
    # an error of 10 everywhere: 10 log10(255^2 / 100)
    assert region_psnr(other, picture, region()) == pytest.approx(28.13, abs=0.01)
    outside = picture.copy()
    outside[:10] = 0
    assert region_psnr(outside, picture, region()) > 100


def test_ssim_is_one_for_equal_and_low_for_unrelated(picture: np.ndarray) -> None:
    unrelated = np.random.default_rng(1).integers(40, 200, picture.shape, dtype=np.uint8)
    assert region_ssim(picture, picture, region()) == pytest.approx(1)
    assert abs(region_ssim(unrelated, picture, region())) < 0.1


def test_ssim_of_a_constant_shift_follows_the_formula() -> None:
    low, high = (np.full((64, 64, 3), level, np.uint8) for level in (100, 110))
    c1 = (0.01 * 255) ** 2
    expected = (2 * 100 * 110 + c1) / (100**2 + 110**2 + c1)
    assert region_ssim(high, low, region()) == pytest.approx(expected, abs=1e-6)


def test_blur_lowers_sharpness(picture: np.ndarray) -> None:
    import cv2

    blurred = np.asarray(cv2.GaussianBlur(picture, (9, 9), 2))
    assert sharpness(picture, picture, region()) == pytest.approx(1)
    assert sharpness(blurred, picture, region()) < 0.4


def test_a_step_at_the_border_is_a_seam_there_and_nowhere_else() -> None:
    across = np.arange(64, dtype=np.float32)
    truth = np.broadcast_to((60 + 2 * across)[None, :, None], (64, 64, 3)).astype(np.uint8)
    stepped = truth.copy()
    stepped[20:50, 10:40] += 30
    inside = region()
    assert seam(truth, truth, inside, -2, 2) == pytest.approx(1)
    assert seam(stepped, truth, inside, -2, 2) > 3
    assert seam(stepped, truth, inside, 4, 9) == pytest.approx(1)
    # a fill that is flat smears the truth's own slope away
    flat = truth.copy()
    flat[8:62, 2:52] = 120
    assert seam(flat, truth, inside, -2, 2) == pytest.approx(0, abs=1e-6)


def test_gradient_along_the_border_is_no_seam() -> None:
    down = np.arange(64, dtype=np.float32)[:, None, None]
    truth = np.broadcast_to(100 + down, (64, 64, 3)).astype(np.uint8)
    inside = np.zeros((64, 64), np.float32)
    inside[32:] = 1
    striped = truth.copy()
    striped[:, ::4] += 60
    assert seam(striped, truth, inside, -2, 2) == pytest.approx(1, abs=0.02)


def test_halving_averages_four_pixels() -> None:
    picture = np.arange(16, dtype=np.uint8).reshape(4, 4) * np.uint8(4)
    assert np.array_equal(halved(picture), [[10, 18], [42, 50]])
