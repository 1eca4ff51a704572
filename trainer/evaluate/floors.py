"""What fills a hole in a face without having learned faces: figures that a generator must beat."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from ecgan.engine.types import CROP_SIZE, F32, U8

from ..data import FaceSet
from ..data.samples import draw_sample

Hole = npt.NDArray[np.bool_]

TELEA_RADIUS = 3
RING_PX = 6
"""Width of the ring around the hole whose colour is taken, in pixels."""

TELEA, RING_MEAN, MEAN_FACE, MASK_ON = "Telea", "ring mean", "mean face", "mask left on"
FLOORS = (TELEA, RING_MEAN, MEAN_FACE, MASK_ON)


def fill_all(masked: U8, hole: Hole, average: F32 | None) -> dict[str, U8]:
    """Every simple way by name.

    Args:
        masked: (S, S, 3) uint8 RGB, aligned.
        hole: (S, S) bool.
        average: The mean face; None where there are no faces to make it of.

    Returns:
        Name -> (S, S, 3) uint8 RGB, in the order of ``FLOORS``.
    """
    fills = {TELEA: telea_fill(masked, hole), RING_MEAN: ring_mean_fill(masked, hole)}
    if average is not None:
        fills[MEAN_FACE] = mean_face_fill(masked, hole, average)
    return fills | {MASK_ON: masked}


def telea_fill(masked: U8, hole: Hole) -> U8:
    """Fill (S, S) ``hole`` of a (S, S, 3) picture by Telea's fast marching inpainting."""
    filled = cv2.inpaint(masked, hole.astype(np.uint8), TELEA_RADIUS, cv2.INPAINT_TELEA)
    return np.asarray(filled, np.uint8)


def ring_mean_fill(masked: U8, hole: Hole) -> U8:
    """Fill the hole with the mean colour of the ring around it."""
    filled = masked.copy()
    filled[hole] = np.rint(_ring_mean(masked.astype(np.float32), hole)).astype(np.uint8)
    return filled


def mean_face_fill(masked: U8, hole: Hole, average: F32) -> U8:
    """Fill the hole with the mean face, shifted to the colour of the ring around it.

    Args:
        masked: (S, S, 3) uint8 RGB, aligned.
        hole: (S, S) bool.
        average: (S, S, 3) float32 as ``mean_face`` gives it.
    """
    shift = _ring_mean(masked.astype(np.float32), hole) - _ring_mean(average, hole)
    filled = masked.copy()
    filled[hole] = np.clip(np.rint(average[hole] + shift), 0, 255).astype(np.uint8)
    return filled


def mean_face(faces: FaceSet, most: int) -> F32:
    """Mean of at most ``most`` faces, evenly spread: (256, 256, 3) float32 in [0, 255]."""
    step = max(1, -(-len(faces) // most))
    total = np.zeros((CROP_SIZE, CROP_SIZE, 3), np.float64)
    rng = np.random.default_rng(0)
    used = range(0, len(faces), step)
    for index in used:
        total += draw_sample(faces, index, rng, CROP_SIZE, jitter=0).image
    return (total / max(1, len(used))).astype(np.float32)


def _ring_mean(picture: F32, hole: Hole) -> F32:
    wide = cv2.dilate(hole.astype(np.uint8), np.ones((2 * RING_PX + 1,) * 2, np.uint8)) > 0
    return np.asarray(picture[wide & ~hole].mean(axis=0), np.float32)
