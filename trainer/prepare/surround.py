"""What stands around a photo that does not fill its crop."""

from __future__ import annotations

import cv2
import numpy as np

from ecgan.engine.types import F32, U8

MIRRORED_BELOW = 0.2
"""Share of the crop outside the photo up to which it stays mirrored, as the engine does at a frame's
edge. Beyond, the mirror would show a second pair of eyes; the photo's colours are continued instead."""

REACH_PX = 24.0
"""How far a colour of the photo's edge is carried on, at 256 px."""

FADE_PX = 5.0


def continue_photo(crop: U8, photo: F32) -> U8:
    """Replace what lies outside the photo by its colours, blurred, where that is much of the crop.

    Args:
        crop: (S, S, 3) uint8 RGB, mirrored outside the photo.
        photo: (4, 2) float32 corners of the photo in the crop.

    Returns:
        (S, S, 3) uint8 RGB, unchanged inside the photo.
    """
    inside = np.zeros(crop.shape[:2], np.uint8)
    cv2.fillConvexPoly(inside, np.round(photo).astype(np.int32), 1)
    if inside.mean() >= 1.0 - MIRRORED_BELOW:
        return crop
    known = inside.astype(np.float32)
    away = cv2.distanceTransform(1 - inside, cv2.DIST_L2, 5)[..., None]
    share = np.clip(away / FADE_PX, 0.0, 1.0)
    filled = share * _carried_on(crop, known) + (1.0 - share) * crop
    return np.where(inside[..., None] > 0, crop, np.rint(filled)).astype(np.uint8)


def _carried_on(crop: U8, known: F32) -> F32:
    """Colours of the known part, averaged near by, and over all of it where nothing is near."""
    colours = crop.astype(np.float32) * known[..., None]
    mean = colours.sum((0, 1)) / max(float(known.sum()), 1.0)
    trace = 1e-3
    total = cv2.GaussianBlur(colours, (0, 0), REACH_PX) + trace * mean.astype(np.float32)
    weight = cv2.GaussianBlur(known, (0, 0), REACH_PX)[..., None] + trace
    return np.asarray(total / weight, np.float32)
