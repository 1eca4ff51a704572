"""Moves a mask's edge out to where the covering really ends.

A segmenter errs by a pixel or three along the edge, and where it stays inside, a fringe of the worn
mask would be left in the picture. Near the edge the covering's colour and the skin's are known, so
a pixel shows by its colour which of the two it belongs to.
"""

from __future__ import annotations

import cv2
import numpy as np

from .face_area import MASK_LEVEL, Marks
from .types import CROP_SIZE, F32, U8

REACH_PX = 6
"""The edge moves this far at most."""
SKIN_PX = (REACH_PX + 2, REACH_PX + 14)
"""Distances from the mask at which skin is looked at."""
INSIDE_PX = 2
"""The covering's colour is looked at this far inside."""
CELL_PX = 4
SPREAD_CELLS = 2.0
"""Colours are averaged over a Gaussian of this many cells of that side."""
CONTRAST_MIN = 30.0
"""Covering and skin nearer than this to each other, of 255, cannot be told apart."""
BELONGS = 0.6
"""Share of the way from skin to covering from which a pixel is covering."""
ASIDE_MAX = 0.5
"""Distance from the line between both, as a share of it, beyond which it is a third thing."""


def grow_to_edge(crop: U8, mask: F32) -> F32:
    """Add what has the covering's colour and touches the mask.

    Args:
        crop: (256, 256, 3) uint8 RGB.
        mask: (256, 256) float32 in [0, 1] from the segmenter.

    Returns:
        (256, 256) float32, nowhere below ``mask``; 1 where it grew.
    """
    covered = (mask >= MASK_LEVEL).astype(np.uint8)
    if not covered.any() or covered.all():
        return mask
    outside = cv2.distanceTransform(1 - covered, cv2.DIST_L2, cv2.DIST_MASK_3)
    inner = cv2.erode(covered, np.ones((2 * INSIDE_PX + 1,) * 2, np.uint8))
    rows, columns = near = np.nonzero((outside > 0) & (outside <= REACH_PX))
    cell = (rows // CELL_PX, columns // CELL_PX)
    skin = _local_colours(crop, (outside > SKIN_PX[0]) & (outside < SKIN_PX[1]))[cell]
    line = _local_colours(crop, inner > 0)[cell] - skin
    offset = crop[near] - skin
    length = np.einsum("nc,nc->n", line, line)
    share = np.einsum("nc,nc->n", offset, line) / np.maximum(length, 1)
    aside = offset - share[:, None] * line
    belongs = (share > BELONGS) & (length > CONTRAST_MIN**2)
    belongs &= np.einsum("nc,nc->n", aside, aside) < ASIDE_MAX**2 * length
    candidates = covered.copy()
    candidates[near] = belongs
    grown = covered
    for _ in range(REACH_PX):
        grown = np.minimum(cv2.dilate(grown, np.ones((3, 3), np.uint8)), candidates)
    return np.where(grown > covered, np.float32(1), mask)


def _local_colours(crop: U8, where: Marks) -> F32:
    """(64, 64, 3) float32: mean colour of the marked pixels near each cell."""
    level = where.view(np.uint8) * np.uint8(255)
    marked = cv2.merge([cv2.bitwise_and(crop, crop, mask=level), level])
    side = CROP_SIZE // CELL_PX
    cells = cv2.resize(marked, (side, side), interpolation=cv2.INTER_AREA).astype(np.float32)
    spread = cv2.GaussianBlur(cells, (0, 0), SPREAD_CELLS)
    # Far from every marked pixel the mean over all of them stands in.
    spread += 1e-3 * cells.mean(axis=(0, 1))
    return np.asarray(spread[..., :3] / np.maximum(spread[..., 3:] / 255, 1e-6), np.float32)
