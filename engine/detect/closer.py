"""A closer look at one face: only its surroundings, scaled to where detectors are most exact.

Serves two ends: landmarks of small faces (a face 50 to 100 px high has half the alignment error
after it), and following a face through a video for the price of a small picture.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from ..types import F32, U8, Face

REGION = 2.0
"""Side of the region in heights of the face's box."""
INPUT_SIDE = 288
"""Long side to which the region is scaled, in pixels: the face is then some 144 px high."""
MAX_DRIFT = 0.5
"""A find whose centre is further off than this many box sides is another face."""


def look_closer(
    find: Callable[[U8], list[Face]],
    frame: U8,
    face: Face,
    *,
    side: int = INPUT_SIDE,
    mirrored: bool = False,
) -> Face | None:
    """Find a face again near where it is expected.

    Args:
        find: Finds faces in a small picture, in one pass.
        frame: (H, W, 3) uint8 RGB.
        face: Where the face is, or was a few frames ago.
        side: Long side in pixels to which the face's surroundings are scaled.
        mirrored: Look at the mirror image: the detector then errs to the other side.

    Returns:
        The face as seen now in frame pixels, or None where it is not there.
    """
    import cv2

    rows, columns = _region(frame, face.bbox)
    region = frame[rows, columns]
    if not region.size:
        return None
    scale = side / max(region.shape[:2])
    size = (max(1, round(region.shape[1] * scale)), max(1, round(region.shape[0] * scale)))
    # Averaging only when shrinking by much: linear is many times cheaper and as good near 1.
    how = cv2.INTER_AREA if scale < 0.6 else cv2.INTER_LINEAR
    picture = np.asarray(cv2.resize(region, size, interpolation=how), np.uint8)
    found = find(picture[:, ::-1] if mirrored else picture)
    ratio = np.array([region.shape[1] / size[0], region.shape[0] / size[1]], np.float32)
    corner = np.array([columns.start, rows.start], np.float32)
    upright = [_mirror(one, size[0]) if mirrored else one for one in found]
    placed = [_in_frame(one, ratio, corner) for one in upright]
    near = [one for one in placed if drift(face.bbox, one.bbox) < MAX_DRIFT]
    return min(near, key=lambda one: drift(face.bbox, one.bbox), default=None)


def drift(box: F32, other: F32) -> float:
    """Distance of two boxes' centres in units of the first one's mean side."""
    apart = (other[:2] + other[2:] - box[:2] - box[2:]) / 2
    return float(np.hypot(*apart) / max((box[2:] - box[:2]).mean(), 1.0))


def _region(frame: U8, box: F32) -> tuple[slice, slice]:
    centre = (box[:2] + box[2:]) / 2
    half = max(REGION / 2 * float(max(box[2:] - box[:2])), 8.0)
    low = np.maximum(np.floor(centre - half), 0).astype(int)
    high = np.maximum(np.ceil(centre + half), 0).astype(int)
    return slice(low[1], min(high[1], frame.shape[0])), slice(low[0], min(high[0], frame.shape[1]))


def _in_frame(face: Face, ratio: F32, corner: F32) -> Face:
    return replace(
        face,
        bbox=face.bbox * np.tile(ratio, 2) + np.tile(corner, 2),
        landmarks=(face.landmarks + 0.5) * ratio - 0.5 + corner,
    )


def _mirror(face: Face, width: int) -> Face:
    x0, y0, x1, y1 = face.bbox
    landmarks = face.landmarks[[1, 0, 2, 4, 3]] * np.array([-1, 1], np.float32)
    return replace(
        face,
        bbox=np.array([width - x1, y0, width - x0, y1], np.float32),
        landmarks=landmarks + np.array([width - 1, 0], np.float32),
    )
