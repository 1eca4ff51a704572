"""PSNR and SSIM over a region, one definition for every figure that the project prints."""

from __future__ import annotations

from typing import TypeVar

import cv2
import numpy as np

from ecgan.engine.types import F32, U8

C1, C2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2


def region_psnr(output: U8, truth: U8, region: F32) -> float:
    """PSNR in dB over the pixels of a region.

    Args:
        output: (S, S, 3) uint8 RGB.
        truth: (S, S, 3) uint8 RGB.
        region: (S, S) in [0, 1]; pixels above 0.5 count.
    """
    inside = region > 0.5
    error = (output[inside].astype(np.float64) - truth[inside]) ** 2
    return float(10 * np.log10(255**2 / max(error.mean(), 1e-10)))


def region_ssim(output: U8, truth: U8, region: F32) -> float:
    """Mean of the SSIM map over a region: Gaussian window 11, sigma 1.5, on RGB of the whole crop.

    Wang et al. 2004. Arguments as ``region_psnr``.
    """

    def blur(x: np.ndarray) -> np.ndarray:
        return np.asarray(cv2.GaussianBlur(x, (11, 11), 1.5, borderType=cv2.BORDER_REFLECT))

    a, b = output.astype(np.float64), truth.astype(np.float64)
    mean_a, mean_b = blur(a), blur(b)
    var_a, var_b = blur(a * a) - mean_a**2, blur(b * b) - mean_b**2
    cov = blur(a * b) - mean_a * mean_b
    top = (2 * mean_a * mean_b + C1) * (2 * cov + C2)
    bottom = (mean_a**2 + mean_b**2 + C1) * (var_a + var_b + C2)
    return float((top / bottom).mean(2)[region > 0.5].mean())


def sharpness(output: U8, truth: U8, region: F32) -> float:
    """Mean gradient magnitude in the region over the truth's; 1 = as sharp."""

    def strength(x: U8) -> float:
        grey = cv2.cvtColor(x, cv2.COLOR_RGB2GRAY).astype(np.float32)
        dx = cv2.Sobel(grey, cv2.CV_32F, 1, 0)
        dy = cv2.Sobel(grey, cv2.CV_32F, 0, 1)
        return float(np.hypot(dx, dy)[region > 0.5].mean())

    return strength(output) / max(strength(truth), 1e-6)


def seam(output: U8, truth: U8, region: F32, low: float, high: float) -> float:
    """Mean gradient across a region's border over the truth's; 1 = no seam and no smear.

    Args:
        output: (S, S, 3) uint8 RGB.
        truth: (S, S, 3) uint8 RGB.
        region: (S, S) in [0, 1]; its border lies at 0.5.
        low: Distance outwards from the border where looking begins, in pixels; negative = inside.
        high: Distance where it ends.
    """
    inside = (region > 0.5).astype(np.uint8)
    outside, depth = (
        np.asarray(cv2.distanceTransform(marked, cv2.DIST_L2, cv2.DIST_MASK_5), np.float32)
        for marked in (1 - inside, inside)
    )
    outwards = outside - depth
    smooth = cv2.GaussianBlur(outwards, (0, 0), 2.0)
    across, down = (cv2.Sobel(smooth, cv2.CV_32F, dx, 1 - dx) for dx in (1, 0))
    length = np.maximum(np.hypot(across, down), 1e-6)
    band = (outwards >= low) & (outwards <= high)

    def strength(x: U8) -> float:
        grey = cv2.cvtColor(x, cv2.COLOR_RGB2GRAY).astype(np.float32)
        dx, dy = cv2.Sobel(grey, cv2.CV_32F, 1, 0), cv2.Sobel(grey, cv2.CV_32F, 0, 1)
        return float(np.abs((dx * across + dy * down) / length)[band].mean())

    return strength(output) / max(strength(truth), 1e-6)


Halvable = TypeVar("Halvable", U8, F32)


def halved(picture: Halvable) -> Halvable:
    """A picture or region at half its side, each pixel the mean of four."""
    return cv2.resize(picture, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)  # type: ignore[return-value]
