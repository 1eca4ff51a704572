"""What a face would look like with another expression: the mouth of somebody who shows it, laid in.

Pictures of one person in seven expressions are rare, and a face's upper half gives away what its
lower half does. Mouths of labelled faces, moved, tinted and blended into others, make pairs in which
only the label tells what is to be painted.
"""

from __future__ import annotations

import cv2
import numpy as np

from ecgan.engine.align import TEMPLATE_FFHQ_256, similarity
from ecgan.engine.expressions import EXPRESSIONS
from ecgan.engine.types import CROP_SIZE, F32, U8

from .faces import FaceSet
from .samples import Sample, draw_sample

CENTRE, RADII = (127.0, 187.0), (47.0, 41.0)
"""Ellipse of the crop at 256 px that is laid in: from under the nose to the chin."""

CANDIDATES = 10
"""Donors that are looked at; the one whose head is turned most alike is taken."""

CONTRAST = (0.6, 1.5)
"""How much a donor's contrast may be changed to match."""


class MouthDonors:
    """Labelled faces by expression.

    Args:
        faces: Labelled and unlabelled ones.
        excluded: Sources whose labels are too noisy.
    """

    def __init__(self, faces: FaceSet, excluded: tuple[str, ...] = ("lfw", "jaffe")) -> None:
        self._faces = faces
        rows: list[list[int]] = [[] for _ in EXPRESSIONS]
        for i, record in enumerate(faces):
            if record.label >= 0 and record.source not in excluded:
                rows[record.label].append(i)
        self._rows = [np.array(r) for r in rows]
        self._turns = {i: turn(faces[i].landmarks) for r in rows for i in r}

    def lay(self, sample: Sample, expression: int, rng: np.random.Generator) -> U8 | None:
        """The sample with a donor's mouth.

        Args:
            sample: Who gets it.
            expression: Of the donor.
            rng: Source of randomness.

        Returns:
            (S, S, 3) uint8 RGB, or None where nobody shows the expression.
        """
        rows = self._rows[expression]
        if not len(rows):
            return None
        size = sample.image.shape[0]
        chosen = rng.choice(rows, CANDIDATES)
        own = turn(sample.landmarks)
        # a donor seen from the other side is mirrored
        gaps = [min(abs(self._turns[i] - own), abs(-self._turns[i] - own)) for i in chosen]
        row = int(chosen[int(np.argmin(gaps))])
        donor = draw_sample(self._faces, row, rng, size, jitter=0)
        image, points, valid = donor.image, donor.landmarks, donor.valid
        if abs(-turn(points) - own) < abs(turn(points) - own):
            image, valid = image[:, ::-1], valid[:, ::-1]
            points = np.stack([size - 1 - points[:, 0], points[:, 1]], 1)[[1, 0, 2, 4, 3]]
        matrix = similarity(points.astype(np.float32), sample.landmarks)
        moved = _moved(image, matrix).astype(np.float32)
        there = _moved(valid, matrix)
        alpha = _ellipse(sample.landmarks, size) * _shrunk(there * sample.valid, size)
        inside = alpha > 0.3
        if inside.sum() < 0.01 * size * size:
            return None
        truth = sample.image.astype(np.float32)
        moved = _tinted(moved, truth, inside)
        mixed = truth + (moved - truth) * alpha[..., None]
        return np.asarray(np.clip(mixed + 0.5, 0, 255), np.uint8)


def turn(landmarks: F32) -> float:
    """How far a head is turned: the nose off the middle of the eyes, by their distance."""
    left, right, nose = landmarks[0], landmarks[1], landmarks[2]
    across = right - left
    return float((nose - (left + right) / 2) @ across / max(float(across @ across), 1e-6))


def _moved(image: np.ndarray, matrix: F32) -> np.ndarray:
    side = image.shape[0]
    return np.asarray(cv2.warpAffine(np.ascontiguousarray(image), matrix, (side, side)))


def _ellipse(landmarks: F32, size: int) -> F32:
    canvas = np.zeros((128, 128), np.float32)
    centre = (round(CENTRE[0] / 2), round(CENTRE[1] / 2))
    radii = (round(RADII[0] / 2), round(RADII[1] / 2))
    cv2.ellipse(canvas, centre, radii, 0, 0, 360, 1.0, -1)
    canvas = np.asarray(cv2.GaussianBlur(canvas, (0, 0), 4), np.float32)
    template = ((TEMPLATE_FFHQ_256 + 0.5) * (128 / CROP_SIZE) - 0.5).astype(np.float32)
    return np.asarray(cv2.warpAffine(canvas, similarity(template, landmarks), (size, size)))


def _shrunk(region: F32, size: int) -> F32:
    radius = max(1, size // 64)
    inner = cv2.erode((region > 0.9).astype(np.float32), np.ones((2 * radius + 1,) * 2))
    return np.asarray(cv2.GaussianBlur(inner, (0, 0), radius))


def _tinted(donor: F32, truth: F32, inside: np.ndarray) -> F32:
    """The donor in the tone and contrast of the face; medians, since lips and teeth are few."""
    for channel in range(3):
        theirs, ours = donor[..., channel][inside], truth[..., channel][inside]
        middle, ours_middle = np.median(theirs), np.median(ours)
        spread = np.abs(ours - ours_middle).mean() / max(np.abs(theirs - middle).mean(), 1.0)
        gain = float(np.clip(spread, *CONTRAST)) ** 0.5
        donor[..., channel] = (donor[..., channel] - middle) * gain + ours_middle
    return donor
