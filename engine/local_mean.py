"""Smooth colour fields out of scattered pixels."""

from __future__ import annotations

import cv2
import numpy as np

from .types import F32

SPREAD_CELLS = 1.5
"""Sigma of the Gaussian over which cells share their pixels."""


def local_mean(values: F32, weight: F32, side: int) -> F32:
    """Weighted mean of the pixels near each cell of a coarse grid.

    Args:
        values: (S, S, 3) float32.
        weight: (S, S) float32 >= 0.
        side: Cells a side of the grid.

    Returns:
        (side, side, 3) float32; far from every weighted pixel the mean over all of them, and 0
        where no pixel has any weight.
    """
    sums = np.dstack([values * weight[..., None], weight])
    cells = cv2.resize(sums, (side, side), interpolation=cv2.INTER_AREA)
    spread = cv2.GaussianBlur(cells, (0, 0), SPREAD_CELLS) + 1e-3 * cells.mean(axis=(0, 1))
    return np.asarray(spread[..., :3] / np.maximum(spread[..., 3:], 1e-9), np.float32)
