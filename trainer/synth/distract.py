"""Makes bare faces harder: things and light that look a little like a mask and are none."""

from __future__ import annotations

import cv2
import numpy as np

from ecgan.engine.types import F32, U8

from . import colors, occlude, shield
from .degrade import degrade_picture
from .geometry import FaceFrame, fill

_SHIELDED = 0.08


def distract(face: U8, landmarks: F32, rng: np.random.Generator) -> U8:
    """Change a bare face (S, S, 3) uint8 RGB without covering mouth and nose with a mask.

    The label stays all zero. Collars and scarves stay below the chin; hands and things hide a part at most.
    """
    frame = FaceFrame.of(landmarks)
    canvas = face.astype(np.float32)
    if rng.random() < 0.4:
        _collar(canvas, frame, rng)
    if rng.random() < 0.2:
        _backdrop(canvas, frame, rng)
    roll = rng.random()
    if roll < 0.25:
        occlude.draw(canvas, face, frame, rng)
    elif roll < 0.37:
        _thing(canvas, frame, rng)
    if rng.random() < _SHIELDED:
        shield.draw(canvas, frame, rng)
    if rng.random() < 0.3:
        _lighting(canvas, rng)
    if rng.random() < 0.3:
        _recolor(canvas, rng)
    return degrade_picture(np.clip(canvas + 0.5, 0, 255).astype(np.uint8), rng)


def _collar(canvas: F32, frame: FaceFrame, rng: np.random.Generator) -> None:
    """Scarf or collar of any colour that hugs chin and jaw from below."""
    size = canvas.shape[0]
    x = np.linspace(-150, 150, 41)
    jaw = 168 + 72 * np.sqrt(np.clip(1 - (x / 76) ** 2, 0, 1))
    rise = rng.uniform(-10, 60) * np.clip((np.abs(x) - 30) / 60, 0, 1.3)
    y = rng.uniform(239, 253) - rise + 0.1 * rng.normal() * x + rng.normal(0, 1.0, 41)
    y = np.where(np.abs(x) < 76, np.maximum(y, jaw + rng.uniform(0, 6)), y)
    edge = np.concatenate([np.stack([x, y], 1), [[150, 400], [-150, 400]]])
    alpha = fill(occlude.to_picture(frame, edge), size)[..., None]
    color = _any_cloth(rng)
    coarse = 1.0 + 0.12 * rng.standard_normal((6, 6)).astype(np.float32)
    shade = cv2.resize(coarse, (size, size), interpolation=cv2.INTER_CUBIC)[..., None]
    canvas += alpha * (color * shade * np.float32(rng.uniform(110, 250)) - canvas)


def _backdrop(canvas: F32, frame: FaceFrame, rng: np.random.Generator) -> None:
    """A coloured blob beside the head."""
    size = canvas.shape[0]
    side = rng.choice([-1.0, 1.0])
    centre = np.array([side * rng.uniform(112, 140), rng.uniform(60, 240)])
    t = np.linspace(0, 2 * np.pi, 20)
    radius = rng.uniform(8, 28) * rng.uniform(0.8, 1.2, 20)
    points = centre + np.stack([np.cos(t), np.sin(t)], 1) * radius[:, None]
    alpha = fill(occlude.to_picture(frame, points), size)[..., None]
    canvas += alpha * (colors.any_color(rng, "train") * np.float32(230) - canvas)


def _thing(canvas: F32, frame: FaceFrame, rng: np.random.Generator) -> None:
    """A microphone, cup or phone that hides a part of mouth and chin."""
    size = canvas.shape[0]
    t = np.linspace(0, 2 * np.pi, 33)
    power = rng.choice([1.0, 0.4])  # round, or a box with soft corners
    wide, tall = rng.uniform(9, 24), rng.uniform(9, 40)
    x = wide * np.sign(np.cos(t)) * np.abs(np.cos(t)) ** power
    y = tall * np.sign(np.sin(t)) * np.abs(np.sin(t)) ** power
    turn, cx, cy = rng.normal(0, 0.4), rng.normal(0, 30), rng.uniform(195, 245)
    c, s = np.cos(turn), np.sin(turn)
    points = np.stack([cx + c * x - s * y, cy + s * x + c * y], 1)
    alpha = fill(occlude.to_picture(frame, points), size)[..., None]
    shade = (0.75 + 0.5 * np.linspace(0, 1, size, dtype=np.float32))[None, :, None]
    canvas += alpha * (_any_cloth(rng) * shade * np.float32(rng.uniform(120, 240)) - canvas)


def _any_cloth(rng: np.random.Generator) -> F32:
    if rng.random() < 0.5:
        return colors.any_color(rng, "train")
    return colors.neutral(rng, 0.05, 0.97)


def _lighting(canvas: F32, rng: np.random.Generator) -> None:
    """Strong light from a side, from above or below."""
    size = canvas.shape[0]
    t = np.linspace(-1, 1, size, dtype=np.float32)
    angle = rng.uniform(0, 2 * np.pi)
    ramp = np.cos(angle) * t[None, :] + np.sin(angle) * t[:, None]
    canvas *= np.clip(1.0 + rng.uniform(0.15, 0.6) * ramp, 0.2, 1.7)[..., None].astype(np.float32)


def _recolor(canvas: F32, rng: np.random.Generator) -> None:
    """Another white balance, contrast and saturation."""
    gain = rng.uniform(0.8, 1.2, 3).astype(np.float32)
    grey = canvas.mean(2, keepdims=True)
    canvas += np.float32(rng.uniform(-0.8, 0.3)) * (canvas - grey)
    canvas *= gain
