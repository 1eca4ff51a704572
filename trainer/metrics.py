"""How near a picture comes to the truth over a region: one definition for every figure that is printed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self, TypeVar

import cv2
import numpy as np
import numpy.typing as npt
import torch
from torchmetrics.functional.image import (
    peak_signal_noise_ratio,
    structural_similarity_index_measure,
)

from ecgan.engine.types import F32, U8

SSIM_SIGMA, SSIM_REACH = 1.5, 5
"""Gaussian window of 11 pixels: a value of the map depends on pixels up to 5 away."""

PSNR_MOST = 148.0
"""What equal pictures get in place of infinity, so that a mean can be taken."""


def region_psnr(output: U8, truth: U8, region: F32) -> float:
    """PSNR in dB over the pixels of a region.

    Args:
        output: (S, S, 3) uint8 RGB.
        truth: (S, S, 3) uint8 RGB.
        region: (S, S) in [0, 1]; pixels above 0.5 count.
    """
    inside = region > 0.5
    found, wanted = (torch.from_numpy(x[inside].astype(np.float32)) for x in (output, truth))
    return min(float(peak_signal_noise_ratio(found, wanted, data_range=255.0)), PSNR_MOST)


def region_ssim(output: U8, truth: U8, region: F32) -> float:
    """Mean of the SSIM map over a region: Gaussian window 11, sigma 1.5, on RGB of the whole picture.

    Wang et al. 2004. Arguments as ``region_psnr``.
    """
    return ssim_over(output, truth, [region])[0]


def ssim_over(output: U8, truth: U8, regions: Sequence[F32]) -> list[float]:
    """``region_ssim`` of several regions, for the price of one."""
    insides = [region > 0.5 for region in regions]
    # Where a window sees equal pixels the map is 1: only what lies near a change is computed.
    changed = (output != truth).any(axis=2).astype(np.uint8)
    reach = np.ones((2 * SSIM_REACH + 1,) * 2, np.uint8)
    counted = np.logical_or.reduce(insides) & (cv2.dilate(changed, reach) > 0)
    if not counted.any():
        return [1.0] * len(regions)
    window = _window(counted)
    found, wanted = (_tensor(x[window]) for x in (output, truth))
    _, full = structural_similarity_index_measure(
        found, wanted, sigma=SSIM_SIGMA, data_range=255.0, return_full_image=True
    )
    short = np.where(counted[window], 1 - full[0].double().mean(0).numpy(), 0)
    return [float(1 - short[inside[window]].sum() / inside.sum()) for inside in insides]


def _window(marked: npt.NDArray[np.bool_]) -> tuple[slice, slice]:
    """Rows and columns of what is marked and all that its SSIM depends on."""
    spans = []
    for axis in (1, 0):
        places = np.flatnonzero(marked.any(axis=axis))
        # reflection at a border needs more pixels than it reflects
        low, high = int(places[0]) - 2 * SSIM_REACH, int(places[-1]) + 2 * SSIM_REACH + 1
        spans.append(slice(max(low, 0), min(high, marked.shape[1 - axis])))
    return spans[0], spans[1]


def _tensor(picture: U8) -> torch.Tensor:
    return torch.from_numpy(picture.astype(np.float32)).permute(2, 0, 1)[None]


def sharpness(output: U8, truth: U8, region: F32) -> float:
    """Mean gradient magnitude in the region over the truth's; 1 = as sharp."""

    def strength(x: U8) -> float:
        return float(np.hypot(*_gradient(x))[region > 0.5].mean())

    return strength(output) / max(strength(truth), 1e-6)


@dataclass(frozen=True)
class Border:
    """The border of a region.

    Attributes:
        outwards: (S, S) float32 distance from the border in pixels, negative inside.
        across: (2, S, S) float32 unit vectors x, y away from it.
    """

    outwards: F32
    across: F32

    @classmethod
    def of(cls, region: F32) -> Self:
        """Border of an (S, S) region in [0, 1]: it lies at 0.5."""
        inside = (region > 0.5).astype(np.uint8)
        outside, depth = (
            np.asarray(cv2.distanceTransform(marked, cv2.DIST_L2, cv2.DIST_MASK_5), np.float32)
            for marked in (1 - inside, inside)
        )
        outwards = outside - depth
        smooth = cv2.GaussianBlur(outwards, (0, 0), 2.0)
        across = np.stack([cv2.Sobel(smooth, cv2.CV_32F, dx, 1 - dx) for dx in (1, 0)])
        return cls(outwards, across / np.maximum(np.hypot(*across), 1e-6))


def seam(output: U8, truth: U8, border: Border, low: float, high: float) -> float:
    """Mean gradient across a region's border over the truth's; 1 = no seam and no smear.

    Args:
        output: (S, S, 3) uint8 RGB.
        truth: (S, S, 3) uint8 RGB.
        border: Of the region.
        low: Distance outwards from the border where looking begins, in pixels; negative = inside.
        high: Distance where it ends.
    """
    band = (border.outwards >= low) & (border.outwards <= high)

    def strength(x: U8) -> float:
        dx, dy = _gradient(x)
        return float(np.abs(dx * border.across[0] + dy * border.across[1])[band].mean())

    return strength(output) / max(strength(truth), 1e-6)


def _gradient(picture: U8) -> tuple[F32, F32]:
    grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY).astype(np.float32)
    dx, dy = cv2.Sobel(grey, cv2.CV_32F, 1, 0), cv2.Sobel(grey, cv2.CV_32F, 0, 1)
    return np.asarray(dx, np.float32), np.asarray(dy, np.float32)


Halvable = TypeVar("Halvable", U8, F32)


def halved(picture: Halvable) -> Halvable:
    """A picture or region at half its side, each pixel the mean of four."""
    return cv2.resize(picture, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)  # type: ignore[return-value]
