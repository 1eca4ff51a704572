"""What the judge of expressions learns from: windows of faces, changed in whatever must not matter."""

from __future__ import annotations

from collections.abc import Mapping

import cv2
import numpy as np

from ecgan.engine.types import CROP_SIZE, F32, U8

from .data import FaceSet, Sample
from .data.hulls import HullPool
from .data.samples import draw_sample
from .data.sources import SURROUND
from .networks.expression_judge import BOTTOM, LEFT, REDUCE, RIGHT, SHAPE, TOP
from .synth.degrade import degrade_picture
from .teacher_targets import Targets

SIDE = CROP_SIZE // REDUCE
"""Of the reduced crop that the window is cut out of."""

DEGREES, SCALE, SHIFT = 5.0, 0.07, 0.02
"""Standard deviations of a random angle, logarithm of the scale, and shift as a share of the crop:
about twice what the detector errs by."""

OUTLINED = 0.4
"""Share of whole pictures of which only a face's outline is left, as in those that come so."""

FEATHER = 1.0
"""Blur of an outline that is laid on another picture, in reduced pixels."""

DEGRADED = 0.6
"""How often there are blur, noise and JPEG."""

TONE, LIGHT = 0.35, 0.5
"""Deviation of the logarithm of gamma; largest slope of light across the window."""

ERASED, ERASED_SHARE = 0.4, 0.5
"""How often a rectangle is hidden, and its largest side as a share of the window's."""


def window_of(image: U8) -> U8:
    """The judge's window of a reduced crop: (64, 64, 3) -> (*SHAPE, 3)."""
    return image[TOP // REDUCE : BOTTOM // REDUCE, LEFT // REDUCE : RIGHT // REDUCE]


def plain_window(faces: FaceSet, row: int) -> U8:
    """A face as it is: (*SHAPE, 3) uint8 RGB."""
    rng = np.random.default_rng(0)  # nothing is drawn without jitter
    return np.ascontiguousarray(window_of(draw_sample(faces, row, rng, SIDE, jitter=0).image))


class JudgeSamples:
    """Windows with a label, or with what teachers make of them. See ``recipes.base.Samples``.

    Args:
        faces: Rows to learn from.
        weights: How often each comes.
        targets: ``FaceRecord.key`` -> what teachers make of it; empty without teachers.
    """

    def __init__(self, faces: FaceSet, weights: np.ndarray, targets: Mapping[str, Targets]) -> None:
        self.faces, self.weights, self._targets = faces, weights, targets
        self._hulls = HullPool(faces)
        self._whole = [i for i, record in enumerate(faces) if record.facts.region != SURROUND]

    def draw(self, row: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
        """One sample.

        Args:
            row: Of the set.
            rng: Source of all its randomness.

        Returns:
            ``window`` (*SHAPE, 3) uint8 RGB, ``label`` int64, -1 where there is none; with
            teachers also ``expression`` (7,) and ``seen`` (D,) float32.
        """
        record = self.faces[row]
        sample = draw_sample(self.faces, row, rng, SIDE, jitter=0)
        image = self._surrounded(sample, record.facts.region == SURROUND, rng)
        image = _moved(image, rng)
        if rng.random() < DEGRADED:
            image = degrade_picture(image, rng)
        window = _lit(window_of(image), rng)
        if rng.random() < ERASED:
            _erase(window, rng)
        label = np.array(record.label, np.int64)
        found: dict[str, np.ndarray] = {"window": window, "label": label}
        if self._targets:
            target = self._targets[record.key]
            found |= {"expression": target.expression, "seen": target.seen}
        return found

    def _surrounded(self, sample: Sample, cut_out: bool, rng: np.random.Generator) -> U8:
        """Let what is around a face tell nothing of its expression: any may be cut out, or pasted."""
        if cut_out:
            inside = sample.valid
            paste = bool(self._whole) and rng.random() < 0.5
        else:
            if rng.random() >= OUTLINED:
                return sample.image
            inside = self._hulls.draw(sample.landmarks, SIDE, rng)
            paste = False
        if paste:
            other = self._whole[rng.integers(len(self._whole))]
            around: U8 | float = draw_sample(self.faces, other, rng, SIDE, jitter=0).image
            inside = np.asarray(cv2.GaussianBlur(inside, (0, 0), FEATHER), np.float32)
        else:
            around = 0.0 if rng.random() < 0.6 else rng.uniform(0, 255)
        share = inside[..., None]
        return np.asarray(sample.image * share + around * (1 - share), np.uint8)


def _moved(image: U8, rng: np.random.Generator) -> U8:
    """Turned, scaled, shifted and perhaps mirrored about the middle."""
    angle, scale = np.deg2rad(rng.normal(0, DEGREES)), np.exp(rng.normal(0, SCALE))
    cos, sin = np.cos(angle) * scale, np.sin(angle) * scale
    side = -1.0 if rng.random() < 0.5 else 1.0
    linear = np.array([[side * cos, -sin], [side * sin, cos]])
    middle = np.full(2, (SIDE - 1) / 2)
    offset = middle - linear @ middle + rng.normal(0, SHIFT * SIDE, 2)
    matrix = np.hstack([linear, offset[:, None]]).astype(np.float32)
    return np.asarray(
        cv2.warpAffine(
            image, matrix, (SIDE, SIDE), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101
        )
    )


def _lit(window: U8, rng: np.random.Generator) -> U8:
    """Another gamma, and light that falls from a side."""
    curve = (np.linspace(0, 1, 256) ** np.exp(rng.normal(0, TONE))).astype(np.float32)
    turn, slope = rng.uniform(0, 2 * np.pi), rng.uniform(0, LIGHT)
    rows = np.linspace(-1, 1, SHAPE[0], dtype=np.float32)[:, None] * np.sin(turn)
    columns = np.linspace(-1, 1, SHAPE[1], dtype=np.float32) * np.cos(turn)
    light: F32 = np.asarray(1 + slope * (rows + columns) / 1.5, np.float32)
    return np.asarray((curve[window] * light[..., None] * 255).clip(0, 255), np.uint8)


def _erase(window: U8, rng: np.random.Generator) -> None:
    height, width = (max(1, round(side * rng.uniform(0.1, ERASED_SHARE))) for side in SHAPE)
    top, left = rng.integers(SHAPE[0] - height + 1), rng.integers(SHAPE[1] - width + 1)
    window[top : top + height, left : left + width] = rng.integers(0, 256)
