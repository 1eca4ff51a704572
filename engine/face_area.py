"""Whose mask it is: an aligned crop also shows neighbours, and what they wear is not this face's."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt

from .types import CROP_SIZE, F32

Marks = npt.NDArray[np.bool_]
"""Marked pixels of a picture."""

FACE_CENTRE = (128.0, 150.0)
FACE_RADII = (70.0, 92.0)
"""Ellipse of the crop that is skin on nearly every aligned face."""
MASK_LEVEL = 0.5
"""A mask's edge: where it crosses this value."""
OWN_SHARE = 0.2
"""A worn covering lies on its face's ellipse at least with this share of its area; a neighbour's
reaches into it by less."""
GAP_SHARE, GAP_ON_FACE = 0.15, 0.9
"""A gap that is closed is at most so large, as a share of its mask, and lies on the face's ellipse with
at least so much of it."""
RIVAL_SHARE = 0.3
"""A part of a user's mask that covers two faces belongs to both when the lesser has this share of
what the other has."""


def _ellipse() -> F32:
    y, x = np.mgrid[:CROP_SIZE, :CROP_SIZE].astype(np.float32)
    across, down = (x - FACE_CENTRE[0]) / FACE_RADII[0], (y - FACE_CENTRE[1]) / FACE_RADII[1]
    area = (across**2 + down**2 < 1).astype(np.float32)
    area.flags.writeable = False
    return area


FACE_AREA = _ellipse()
"""(256, 256) float32, 1 on the face; not to be written into."""


CUT_OFF_PX = 16
"""A mask that meets the crop's lower edge over this many pixels goes on below it."""


def is_cut_off(mask: F32) -> bool:
    """Whether a (256, 256) mask in [0, 1] is cut by the lower edge of the crop."""
    return int((mask[-1] >= MASK_LEVEL).sum()) >= CUT_OFF_PX


def own_covering(mask: F32) -> F32:
    """Keep the parts of a crop's mask that this face wears.

    Args:
        mask: (256, 256) float32 in [0, 1] as the segmenter gives it.

    Returns:
        (256, 256) float32: parts that lie mostly beside the face are 0.
    """
    count, labels = cv2.connectedComponents((mask >= MASK_LEVEL).astype(np.uint8))
    if count <= 1:
        return mask
    area = np.bincount(labels.ravel(), minlength=count)
    on_face = np.bincount(labels.ravel(), weights=FACE_AREA.ravel(), minlength=count)
    foreign = on_face < OWN_SHARE * area
    foreign[0] = False
    if not foreign.any():
        return mask
    # The soft edge goes with its part.
    near = cv2.dilate(foreign[labels].astype(np.uint8), np.ones((7, 7), np.uint8))
    return np.where((near > 0) & ~((labels > 0) & ~foreign[labels]), np.float32(0), mask)


def close_gaps(mask: F32) -> F32:
    """Cover what a mask surrounds on the face: prints and valves that were not taken for part of it.

    What loops surround beside the face stays open, and so does what is too large for a print.

    Args:
        mask: (256, 256) float32 in [0, 1].

    Returns:
        (256, 256) float32.
    """
    covered = mask >= MASK_LEVEL
    count, labels, facts, _ = cv2.connectedComponentsWithStats(
        (~covered).astype(np.uint8), connectivity=4
    )
    left, top, width, height, area = facts.T
    on_face = np.bincount(labels.ravel(), weights=FACE_AREA.ravel(), minlength=count)
    inside = (left > 0) & (top > 0) & (left + width < CROP_SIZE) & (top + height < CROP_SIZE)
    gaps = inside & (on_face >= GAP_ON_FACE * area) & (area <= GAP_SHARE * covered.sum())
    gaps[0] = False
    if not gaps.any():
        return mask
    # and the soft edge round each
    near = cv2.dilate(gaps[labels].astype(np.uint8), np.ones((7, 7), np.uint8))
    return np.where((near > 0) & (gaps[labels] | covered), np.float32(1), mask)


def share_mask(mask: F32, frame_to_crops: Sequence[F32]) -> list[F32]:
    """Give each part of a mask drawn over the whole picture to the face it lies on.

    Args:
        mask: (H, W) float32 in [0, 1]; 1 = repaint.
        frame_to_crops: (2, 3) matrix of each face.

    Returns:
        One (256, 256) float32 mask per face, all 0 for a face that no part lies on.
    """
    count, labels = cv2.connectedComponents((mask >= MASK_LEVEL).astype(np.uint8))
    seen = [
        _warp(labels.astype(np.float32), matrix, cv2.INTER_NEAREST) for matrix in frame_to_crops
    ]
    overlap = np.zeros((len(seen), count))
    for row, crop_labels, matrix in zip(overlap, seen, frame_to_crops, strict=True):
        on_face = crop_labels[FACE_AREA > 0].astype(np.int64)
        crop_px_of_frame_px = float(np.hypot(matrix[0, 0], matrix[1, 0]))
        row[:] = np.bincount(on_face, minlength=count) / crop_px_of_frame_px**2
    owns = (overlap > 0) & (overlap >= RIVAL_SHARE * overlap.max(axis=0, initial=0))
    owns[:, 0] = False
    shares = []
    for matrix, crop_labels, mine in zip(frame_to_crops, seen, owns, strict=True):
        levels = _warp(mask, matrix, cv2.INTER_LINEAR)
        shares.append(levels * mine[crop_labels.astype(np.int64)])
    return shares


def _warp(picture: F32, frame_to_crop: F32, interpolation: int) -> F32:
    size = (CROP_SIZE, CROP_SIZE)
    return cv2.warpAffine(picture, frame_to_crop, size, flags=interpolation)  # type: ignore[return-value]
