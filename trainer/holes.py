"""The region the generator is asked to paint: a worn mask's outline, widened as in use."""

from __future__ import annotations

import cv2
import numpy as np

from ecgan.engine.types import F32

from .synth import mask_shape

MAX_GROWTH = 0.05
"""Largest widening as a share of the crop's side: the segmenter's error plus the engine's margin."""


def draw_hole(landmarks: F32, size: int, rng: np.random.Generator) -> F32:
    """Hole of a random mask.

    Args:
        landmarks: (5, 2) in pixels of the crop.
        size: Side of the crop.
        rng: Source of randomness.

    Returns:
        (size, size) float32 in [0, 1]; 1 = paint.
    """
    hole = mask_shape(landmarks, size, rng)
    growth = round(size * MAX_GROWTH * rng.random())
    if growth:
        kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * growth + 1,) * 2)
        hole = np.asarray(cv2.dilate(hole, kernel), np.float32)
    return hole
