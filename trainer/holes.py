"""The region the generator is asked to paint: a worn mask's outline, widened as in use.

Drawn masks follow the face's own outline. Real ones stand off it: on a turned head half of a mask
lies before the background. So shapes of real masks are holes as well, where there are any.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from ecgan.engine.align import similarity
from ecgan.engine.types import CROP_SIZE, F32

from .data.samples import FLIP_ORDER
from .data.worn import WornFace
from .synth import mask_shape

MAX_GROWTH = 0.05
"""Largest widening as a share of the crop's side: the segmenter's error plus the engine's margin."""

LIKE = 16
"""Worn masks of the most similar poses, of which one is drawn."""


def draw_hole(landmarks: F32, size: int, rng: np.random.Generator) -> F32:
    """Hole of a random mask.

    Args:
        landmarks: (5, 2) in pixels of the crop.
        size: Side of the crop.
        rng: Source of randomness.

    Returns:
        (size, size) float32 in [0, 1]; 1 = paint.
    """
    return _widened(mask_shape(landmarks, size, rng), rng)


class WornHoles:
    """Shapes of masks on real photos, for faces of the same pose.

    Args:
        worn: Real faces with masks; each serves mirrored too.

    Raises:
        ValueError: There are none.
    """

    def __init__(self, worn: Sequence[WornFace]) -> None:
        if not worn:
            raise ValueError("no worn masks")
        self._masks = [face.mask for face in worn]
        plain = np.stack([face.landmarks for face in worn])
        mirrored = (plain * [-1, 1] + [CROP_SIZE - 1, 0])[:, FLIP_ORDER].astype(np.float32)
        self._landmarks = np.concatenate([plain, mirrored])
        self._poses = np.stack([_pose(marks) for marks in self._landmarks])

    def draw(self, landmarks: F32, size: int, rng: np.random.Generator) -> F32:
        """Hole of a mask that somebody wore with the head held alike; see ``draw_hole``."""
        # one factor turns and scales a pose onto another; what it cannot reach is the difference
        nearness = np.abs(self._poses.conj() @ _pose(landmarks))
        number = int(rng.choice(np.argsort(-nearness)[:LIKE]))
        mask = self._masks[number % len(self._masks)]
        if number >= len(self._masks):
            mask = mask[:, ::-1]
        matrix = similarity(self._landmarks[number], landmarks)
        reduced = cv2.warpAffine(
            np.ascontiguousarray(mask), matrix, (size, size), flags=cv2.INTER_LINEAR
        )
        return _widened(reduced.astype(np.float32) / np.float32(255), rng)


def _pose(landmarks: F32) -> np.ndarray:
    """(5, 2) -> (5,) complex: landmarks about their middle, at size 1."""
    points = landmarks.astype(np.float64) @ np.array([1, 1j])
    points = points - points.mean()
    return np.asarray(points / max(1e-9, float(np.linalg.norm(points))))


def _widened(hole: F32, rng: np.random.Generator) -> F32:
    size = hole.shape[0]
    growth = round(size * MAX_GROWTH * rng.random())
    if growth:
        kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * growth + 1,) * 2)
        hole = np.asarray(cv2.dilate(hole, kernel), np.float32)
    return hole
