"""Outlines of faces, cut from the pictures that show nothing else.

Most pictures of the rare expressions show a face's hull on black. Whoever sees whole pictures
beside them learns that black means fear; so what judges an expression sees every face cut out
like that, by an outline drawn at random from those pictures.
"""

from __future__ import annotations

import cv2
import numpy as np

from ecgan.engine.align import TEMPLATE_FFHQ_256, similarity
from ecgan.engine.types import CROP_SIZE, F32, U8

from .faces import FaceSet
from .samples import draw_sample
from .sources import SURROUND

POOL = 96
"""Outlines that are kept."""

SIDE = 128
"""Their size in pixels."""


class HullPool:
    """Outlines in the crop's template.

    Args:
        faces: Where to find them; without pictures on black every outline is one ellipse.
        seed: Which are drawn.
    """

    def __init__(self, faces: FaceSet, seed: int = 0) -> None:
        rng = np.random.default_rng(seed)
        rows = [i for i, record in enumerate(faces) if record.facts.region == SURROUND]
        chosen: list[int] = rng.permutation(rows)[:POOL].tolist() if rows else []
        self._hulls: list[U8] = [
            (draw_sample(faces, i, rng, SIDE, jitter=0).valid * 255).astype(np.uint8)
            for i in chosen
        ] or [_ellipse()]

    def draw(self, landmarks: F32, size: int, rng: np.random.Generator) -> F32:
        """An outline laid on a face.

        Args:
            landmarks: (5, 2) in pixels of the crop.
            size: Side of the crop in pixels.
            rng: Source of randomness.

        Returns:
            (size, size) float32, 1 inside.
        """
        hull = self._hulls[rng.integers(len(self._hulls))]
        template = ((TEMPLATE_FFHQ_256 + 0.5) * (SIDE / CROP_SIZE) - 0.5).astype(np.float32)
        matrix = similarity(template, landmarks)
        warped = cv2.warpAffine(hull, matrix, (size, size), flags=cv2.INTER_LINEAR)
        return (np.asarray(warped) > 127).astype(np.float32)


def _ellipse() -> U8:
    hull = np.zeros((SIDE, SIDE), np.uint8)
    centre = (SIDE // 2, round(0.59 * SIDE))
    cv2.ellipse(hull, centre, (round(0.28 * SIDE), round(0.41 * SIDE)), 0, 0, 360, 255, -1)
    return hull
