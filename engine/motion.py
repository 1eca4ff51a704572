"""What moved between two frames: the whole scene (a cut), or one face (optical flow)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from .types import F32, U8

Array = npt.NDArray[Any]

SCENE_SIZE = (32, 18)
CUT_DIFFERENCE, CUT_LIKENESS = 12.0, 0.7
"""A cut changes the small picture by more than this (of 255) and leaves less correlation than
this. Measured: shaky hand-held footage stays below 11.0 and above 0.96, joined clips exceed 45
and stay below 0.35; a flash keeps the correlation."""

PATCH_FACE = 128
"""Height of a face in the patch in which its motion is measured, in pixels."""
PATCH_REACH = 0.8
"""Half side of the patch in heights of the face."""
MIN_PATCH = 16
GRID = 9
AGREEING = 0.5
"""Share of the points that must move alike for the motion to be believed."""


def scene_of(frame: U8) -> F32:
    """A tiny picture of a frame, for ``is_cut``.

    Args:
        frame: (H, W, 3) uint8 RGB.

    Returns:
        (18, 32, 3) float32 in [0, 255].
    """
    import cv2

    picture = cv2.resize(frame, (128, 72), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(picture, SCENE_SIZE, interpolation=cv2.INTER_AREA), np.float32)


def is_cut(before: F32, after: F32) -> bool:
    """Whether two consecutive scenes belong to different shots."""
    if float(np.abs(before - after).mean()) < CUT_DIFFERENCE:
        return False
    one, other = (scene - scene.mean(axis=(0, 1)) for scene in (before, after))
    power = float(np.sqrt((one**2).sum() * (other**2).sum()))
    return float((one * other).sum()) < CUT_LIKENESS * max(power, 1e-6)


@dataclass(frozen=True)
class FacePatch:
    """The surroundings of a face in one frame, to find how it moves into the next.

    Attributes:
        rows: Part of the frame it shows.
        columns: Part of the frame it shows.
        grey: (h, w) uint8: that part, scaled.
        points: (N, 2) float32: a grid over the face, in patch pixels.
    """

    rows: slice
    columns: slice
    grey: U8
    points: F32

    @classmethod
    def around(cls, frame: U8, box: F32) -> Self | None:
        """Cut the patch for a box (4,) out of a frame; None where too little of it is inside."""
        height = max(float(box[3] - box[1]), 1.0)
        centre, reach = (box[:2] + box[2:]) / 2, PATCH_REACH * height
        low = np.maximum(np.floor(centre - reach), 0).astype(int)
        high = np.minimum(np.ceil(centre + reach), frame.shape[1::-1]).astype(int)
        if (high - low < MIN_PATCH).any():
            return None
        rows, columns = slice(low[1], high[1]), slice(low[0], high[0])
        size = np.round((high - low) * min(1.0, PATCH_FACE / height)).astype(int).clip(MIN_PATCH)
        steps = np.linspace(0.08, 0.92, GRID, dtype=np.float32)
        grid = box[:2] + np.stack(np.meshgrid(steps, steps), -1).reshape(-1, 2) * (
            box[2:] - box[:2]
        )
        points = (grid - low + 0.5) * (size / (high - low)) - 0.5
        inside = ((points > 1) & (points < size - 2)).all(axis=1)
        grey = _grey(frame[rows, columns], (int(size[0]), int(size[1])))
        return cls(rows, columns, grey, points[inside].astype(np.float32))

    def motion_into(self, frame: U8) -> F32 | None:
        """How the face moved from the patch's frame into another one of the same size.

        Returns:
            (2, 3) float32 similarity from the old frame's pixels to the new one's; None where
            too few points agree, as when a hand passes.
        """
        import cv2

        needed = AGREEING * GRID**2
        if len(self.points) < needed:
            return None
        region = frame[self.rows, self.columns]
        after = _grey(region, (self.grey.shape[1], self.grey.shape[0]))
        start = self.points[:, None]
        moved, found, _ = cv2.calcOpticalFlowPyrLK(
            self.grey, after, start, start.copy(), winSize=(15, 15), maxLevel=3
        )
        known = found[:, 0] == 1
        if known.sum() < needed:
            return None
        matrix, agree = cv2.estimateAffinePartial2D(
            self.points[known], moved[known, 0], method=cv2.RANSAC, ransacReprojThreshold=1.0
        )
        if matrix is None or agree.sum() < needed:
            return None
        ratio = np.array(self.grey.shape[::-1]) / np.array(region.shape[1::-1])
        corner = np.array([self.columns.start, self.rows.start])
        return _for_frame(np.asarray(matrix, np.float64), ratio, corner)


def _grey(region: U8, size: tuple[int, int]) -> U8:
    import cv2

    small = region
    if size != (region.shape[1], region.shape[0]):
        small = np.asarray(cv2.resize(region, size, interpolation=cv2.INTER_AREA), np.uint8)
    return np.asarray(cv2.cvtColor(small, cv2.COLOR_RGB2GRAY), np.uint8)


def _for_frame(matrix: Array, ratio: Array, corner: Array) -> F32:
    """A patch-to-patch matrix in frame pixels: p_patch = (p_frame - corner + 0.5) ratio - 0.5."""
    linear = matrix[:, :2] * ratio[None, :] / ratio[:, None]
    offset = (0.5 - corner) * ratio - 0.5
    shift = (matrix[:, :2] @ offset + matrix[:, 2] - offset) / ratio
    return np.column_stack([linear, shift]).astype(np.float32)
