"""Figures against values worked out by hand and against plain loops."""

from __future__ import annotations

import numpy as np
import pytest

from ecgan.trainer.metrics import (
    Border,
    halved,
    region_psnr,
    region_ssim,
    seam,
    sharpness,
    ssim_over,
)


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
    # variances of flat pictures are differences of equal numbers: float32 leaves 2e-4
    assert region_ssim(high, low, region()) == pytest.approx(expected, abs=3e-4)


def by_plain_loops(output: np.ndarray, truth: np.ndarray, inside: np.ndarray) -> float:
    """SSIM of each pixel of the region from its own window, in float64."""
    place = np.arange(-5, 6)
    bell = np.exp(-(place**2) / (2 * 1.5**2))
    weights = np.outer(bell, bell) / bell.sum() ** 2
    a, b = (
        np.pad(x.astype(np.float64), ((5, 5), (5, 5), (0, 0)), "reflect") for x in (output, truth)
    )
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    values = []
    for y, x in np.argwhere(inside > 0.5):
        for channel in range(3):
            one, two = (p[y : y + 11, x : x + 11, channel] for p in (a, b))
            m1, m2 = (weights * one).sum(), (weights * two).sum()
            v1, v2 = ((weights * (p - m) ** 2).sum() for p, m in ((one, m1), (two, m2)))
            cov = (weights * (one - m1) * (two - m2)).sum()
            top = (2 * m1 * m2 + c1) * (2 * cov + c2)
            values.append(top / ((m1**2 + m2**2 + c1) * (v1 + v2 + c2)))
    return float(np.mean(values))


@pytest.mark.parametrize("whole", [False, True])
def test_ssim_is_that_of_plain_loops(picture: np.ndarray, whole: bool) -> None:
    inside = np.ones((64, 64), np.float32) if whole else region()
    other = picture.copy()
    other[30:44, 2:20] = other[30:44, 2:20] // 2 + 40
    other[60:, 60:] = 0
    assert region_ssim(other, picture, inside) == pytest.approx(
        by_plain_loops(other, picture, inside), abs=2e-6
    )


def test_ssim_of_several_regions_is_that_of_each(picture: np.ndarray) -> None:
    other = picture.copy()
    other[30:44, 2:20] = 90
    regions = [region(), np.ones((64, 64), np.float32), np.roll(region(), 12, axis=1)]
    alone = [region_ssim(other, picture, one) for one in regions]
    assert ssim_over(other, picture, regions) == pytest.approx(alone, abs=1e-6)


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
    inside = Border.of(region())
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
    assert seam(striped, truth, Border.of(inside), -2, 2) == pytest.approx(1, abs=0.02)


def test_halving_averages_four_pixels() -> None:
    picture = np.arange(16, dtype=np.uint8).reshape(4, 4) * np.uint8(4)
    assert np.array_equal(halved(picture), [[10, 18], [42, 50]])
