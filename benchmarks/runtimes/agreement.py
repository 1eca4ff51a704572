"""Whether a row gives what torch gives in float32: a faster wrong answer is no answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from ecgan.engine.models import GENERATOR, SEGMENTER
from ecgan.engine.types import U8

PSNR_MIN = {"fp32": 60.0, "fp16": 50.0, "bf16": 45.0, "int8": 45.0}
"""Least agreement of the painted pixels in dB. Float32 runtimes add in another order, which moves a
few pixels by 1 of 255 where rounding tips over."""

MASK_STEP = 64
MASK_SHARE_MAX = 0.002
"""At most this share of a crop may change by more than ``MASK_STEP`` of 255 in the mask."""


@dataclass(frozen=True)
class Agreement:
    """A row's outputs beside the reference's, on the same inputs.

    Attributes:
        psnr: Of the painted crops inside the mask, in dB; infinite when they are equal.
        worst: Largest difference there, of 255.
        outside: Largest difference outside the mask, where nothing may change.
        mask_share: Share of the segmenter's pixels that differ much; 0 without a segmenter.
    """

    psnr: float
    worst: int
    outside: int
    mask_share: float

    def failure(self, precision: str) -> str | None:
        """Why this is a wrong answer; None for a right one.

        Args:
            precision: What the row computes with: coarser numbers may differ more.
        """
        if self.outside:
            return f"changes pixels outside the mask by up to {self.outside} of 255"
        if not self.psnr >= PSNR_MIN[precision]:
            return (
                f"paints {self.psnr:.1f} dB from torch, {PSNR_MIN[precision]:.0f} dB are expected"
            )
        if self.mask_share > MASK_SHARE_MAX:
            return f"moves {100 * self.mask_share:.2f} % of the mask"
        return None


def compare(found: Mapping[str, U8], expected: Mapping[str, U8], mask: U8) -> Agreement:
    """Hold outputs against the reference's.

    Args:
        found: Kind of network -> its output: (N, 256, 256, 3) painted, (N, 256, 256) mask.
        expected: The reference's.
        mask: (N, 256, 256) uint8 that the generator was given.
    """
    gap = np.abs(found[GENERATOR].astype(np.int16) - expected[GENERATOR])
    inside = gap[mask > 0]
    mean_square = float(np.mean(inside.astype(np.float64) ** 2))
    psnr = 10 * np.log10(255**2 / mean_square) if mean_square else np.inf
    share = 0.0
    if SEGMENTER in expected:
        moved = np.abs(found[SEGMENTER].astype(np.int16) - expected[SEGMENTER]) > MASK_STEP
        share = float(moved.mean())
    return Agreement(float(psnr), int(inside.max()), int(gap[mask == 0].max()), share)
