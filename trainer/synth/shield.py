"""A transparent face shield: it lies over a face and covers nothing, so it is never part of a mask."""

from __future__ import annotations

import cv2
import numpy as np

from ecgan.engine.types import F32

from . import colors
from .geometry import FaceFrame, fill
from .occlude import to_picture


def draw(canvas: F32, frame: FaceFrame, rng: np.random.Generator) -> None:
    """Draw one onto a canvas (S, S, 3) float32 in [0, 255], in place: haze, rim, reflections, band."""
    size = canvas.shape[0]
    sheet = _sheet(rng)
    inside = fill(to_picture(frame, sheet), size)
    haze = np.float32(rng.uniform(0.02, 0.16)) * inside
    shine = haze + _reflections(frame, rng, size) * inside
    light = np.float32(rng.uniform(190, 255)) * np.array([0.97, 1.0, 1.0], np.float32)
    canvas += shine[..., None] * (light - canvas)
    rim = _line(frame, sheet, rng.uniform(0.8, 2.2), size)
    tone = np.float32(rng.choice([40.0, 235.0]))
    canvas += (np.float32(rng.uniform(0.2, 0.7)) * rim)[..., None] * (tone - canvas)
    if rng.random() < 0.7:
        _band(canvas, frame, rng, float(sheet[0, 1]))


def _sheet(rng: np.random.Generator) -> F32:
    """Outline in template pixels: from the forehead to below the chin, round at the lower corners."""
    wide, top, bottom = rng.uniform(82, 112), rng.uniform(40, 96), rng.uniform(240, 300)
    corner = rng.uniform(10, 50)
    turn = np.linspace(0, np.pi / 2, 8)
    x = wide - corner + corner * np.cos(turn)
    y = bottom - corner + corner * np.sin(turn)
    right = np.stack([x, y], 1)
    left = right[::-1] * np.array([-1, 1])
    points = np.concatenate([[[-wide, top], [wide, top]], right, left])
    points[:, 0] += rng.normal(0, 6)
    return np.asarray(points, np.float32)


def _reflections(frame: FaceFrame, rng: np.random.Generator, size: int) -> F32:
    """A few soft streaks from top to bottom, (S, S) float32 in [0, 1]."""
    total = np.zeros((size, size), np.float32)
    for _ in range(int(rng.integers(0, 4))):
        x0, slant = rng.uniform(-95, 95), rng.normal(0, 25)
        wide = rng.uniform(3, 16)
        streak = np.array(
            [[x0, 60], [x0 + wide, 60], [x0 + wide + slant, 280], [x0 + slant, 280]], np.float32
        )
        total += np.float32(rng.uniform(0.1, 0.5)) * fill(to_picture(frame, streak), size)
    soft = max(0.4, frame.scale * rng.uniform(1.0, 5.0))
    return np.clip(np.asarray(cv2.GaussianBlur(total, (0, 0), soft), np.float32), 0.0, 0.8)


def _line(frame: FaceFrame, outline: F32, width: float, size: int) -> F32:
    canvas = np.zeros((size, size), np.uint8)
    points = np.round(to_picture(frame, outline) * 16.0).astype(np.int32)
    cv2.polylines(canvas, [points], True, 255, max(1, round(width * frame.scale)), cv2.LINE_AA, 4)
    return canvas.astype(np.float32) / np.float32(255)


def _band(canvas: F32, frame: FaceFrame, rng: np.random.Generator, top: float) -> None:
    """The strip of foam or plastic that holds it at the forehead."""
    tall = rng.uniform(8, 26)
    corners = np.array([[-96, top], [96, top], [96, top + tall], [-96, top + tall]], np.float32)
    alpha = fill(to_picture(frame, corners), canvas.shape[0])[..., None]
    color = colors.neutral(rng, 0.1, 0.95) if rng.random() < 0.6 else colors.any_color(rng, "train")
    canvas += alpha * (color * np.float32(rng.uniform(150, 250)) - canvas)
