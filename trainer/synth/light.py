"""The light of a face, so that a mask drawn on it is lit alike."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from ecgan.engine.types import F32, U8

from .geometry import FaceFrame

_N = 32
_GREY = np.array([0.299, 0.587, 0.114], np.float32)


@dataclass(frozen=True)
class Light:
    """How bright and of which colour the light on a face is.

    Attributes:
        field: (S, S) float32 relative brightness, low frequency, around 1.
        white: (3,) float32 in [0, 255]: what a white thing on this face would look like.
        blur: Deviation in pixels of the blur that the picture already has (0 = sharp).
    """

    field: F32
    white: F32
    blur: float


def light_of(face: U8, frame: FaceFrame, rng: np.random.Generator) -> Light:
    """Estimate the light from the low frequencies of a bare face (S, S, 3) uint8."""
    size = face.shape[0]
    small = cv2.resize(face, (_N, _N), interpolation=cv2.INTER_AREA).astype(np.float32)
    grey = small @ _GREY
    weight = _face_weight(frame, size)
    blur = 0.12 * _N * float(rng.uniform(0.7, 1.3))
    mean = cv2.GaussianBlur(grey * weight, (0, 0), blur) / (
        cv2.GaussianBlur(weight, (0, 0), blur) + 1e-3
    )
    inside = weight > 0.5
    skin = grey[inside] if inside.any() else grey.ravel()
    reference = max(float(np.median(mean[inside] if inside.any() else mean)), 8.0)
    field = np.clip(mean / reference, 0.35, 1.7) ** np.float32(rng.uniform(0.6, 1.1))
    bright = 0.5 * np.percentile(skin, 85) / 190.0 + 0.5 * np.percentile(grey, 97) / 240.0
    exposure = float(np.clip(bright * rng.uniform(0.85, 1.18), 0.2, 1.15))
    white = np.float32(255.0 * exposure) * _cast(small, grey, rng)
    large = cv2.resize(field.astype(np.float32), (size, size), interpolation=cv2.INTER_LINEAR)
    return Light(np.asarray(large, np.float32), white, _blur_of(face, frame))


def _face_weight(frame: FaceFrame, size: int) -> F32:
    """Ellipse of the face at (32, 32)."""
    k = (size - 1) / (_N - 1)
    inverse = cv2.invertAffineTransform(frame.matrix)
    xs = np.arange(_N, dtype=np.float32)[None, :] * k
    ys = np.arange(_N, dtype=np.float32)[:, None] * k
    x = inverse[0, 0] * xs + inverse[0, 1] * ys + inverse[0, 2]
    y = inverse[1, 0] * xs + inverse[1, 1] * ys + inverse[1, 2]
    r = np.hypot((x + 25.0 * np.sin(frame.yaw)) / 66.0, (y - 158.0) / 76.0)
    return np.clip((1.15 - r) * 4.0, 0.0, 1.0).astype(np.float32)


def _cast(small: F32, grey: F32, rng: np.random.Generator) -> F32:
    """Colour of the light, from the brighter half of the picture, strength by chance."""
    bright = small[grey >= np.median(grey)].mean(0)
    cast = np.clip(bright / max(float(bright @ _GREY), 1.0), 0.75, 1.25)
    return np.float32(1.0) + (cast - 1.0).astype(np.float32) * np.float32(rng.uniform(0.0, 0.7))


def _blur_of(face: U8, frame: FaceFrame) -> float:
    """Guess the picture's own blur from the sharpness around the eyes."""
    size = face.shape[0]
    y0, y1 = int(0.35 * size), int(0.62 * size)
    x0, x1 = int(0.25 * size), int(0.75 * size)
    grey = cv2.cvtColor(np.ascontiguousarray(face[y0:y1, x0:x1]), cv2.COLOR_RGB2GRAY)
    edges = cv2.Laplacian(grey, cv2.CV_32F)
    contrast = float(grey.std()) + 1.0
    ratio = float(edges.std()) / contrast
    return float(np.clip(0.9 - 2.2 * ratio, 0.25, 0.9)) * max(frame.scale, 0.5)
