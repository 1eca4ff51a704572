"""The figures of one finished picture against the truth."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

import numpy as np

from ecgan.engine.types import F32, U8

from ..metrics import Border, halved, region_psnr, seam, sharpness, ssim_over

PICTURE_FIGURES = (
    "psnr",
    "ssim",
    "psnr_whole",
    "ssim_whole",
    "sharp256",
    "sharp128",
    "seam",
    "blend",
)
"""Over the masked region but for the ``_whole`` ones. ``seam`` is taken at the border of the region,
``blend`` 2 to 10 pixels outside it, where paint passes into picture."""
DISTANCE, DISTANCE_WHOLE, IDENTITY = "distance", "distance_whole", "identity"

TITLES = {
    "psnr": "PSNR dB",
    "ssim": "SSIM",
    "psnr_whole": "PSNR whole",
    "ssim_whole": "SSIM whole",
    "sharp256": "sharp 256",
    "sharp128": "sharp 128",
    "seam": "seam",
    "blend": "blend",
    DISTANCE: "distance",
    DISTANCE_WHOLE: "dist. whole",
    IDENTITY: "identity",
}


def picture_figures(output: U8, truth: U8, region: F32, border: Border) -> dict[str, float]:
    """All of ``PICTURE_FIGURES``.

    Args:
        output: (S, S, 3) uint8 RGB.
        truth: (S, S, 3) uint8 RGB.
        region: (S, S) in [0, 1].
        border: Of the region.
    """
    whole = np.ones_like(region)
    ssim, ssim_whole = ssim_over(output, truth, [region, whole])
    return {
        "psnr": region_psnr(output, truth, region),
        "ssim": ssim,
        "psnr_whole": region_psnr(output, truth, whole),
        "ssim_whole": ssim_whole,
        "sharp256": sharpness(output, truth, region),
        "sharp128": sharpness(halved(output), halved(truth), halved(region)),
        "seam": seam(output, truth, border, -2, 2),
        "blend": seam(output, truth, border, 2, 10),
    }


def mean_figures(rows: Iterable[Mapping[str, float]]) -> dict[str, float]:
    """Mean of each figure over pictures; nothing for no picture."""
    pictures = list(rows)
    names = pictures[0] if pictures else ()
    return {name: math.fsum(row[name] for row in pictures) / len(pictures) for name in names}
