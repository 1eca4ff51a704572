"""Blur, noise and JPEG over a whole picture, as cameras and the web leave them."""

from __future__ import annotations

import cv2
import numpy as np

from ecgan.engine.types import U8


def degrade_picture(image: U8, rng: np.random.Generator) -> U8:
    """Degrade (S, S, 3) uint8 RGB; most pictures only a little, some hard, some not at all."""
    out = image
    scale = image.shape[0] / 256.0
    roll = rng.random()
    if roll < 0.12:  # came from a small picture
        out = _enlarged(out, rng.uniform(0.3, 0.7))
    elif roll < 0.45:
        out = cv2.GaussianBlur(out, (0, 0), max(0.3, scale * rng.uniform(0.3, 1.3)))
    if rng.random() < 0.6:
        out = _noisy(out, rng)
    if rng.random() < 0.6:
        out = _jpeg(out, int(rng.integers(30, 96)))
    return out


def _enlarged(image: U8, factor: float) -> U8:
    size = image.shape[0]
    side = max(16, round(size * factor))
    small = cv2.resize(image, (side, side), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(small, (size, size), interpolation=cv2.INTER_CUBIC), np.uint8)


def _noisy(image: U8, rng: np.random.Generator) -> U8:
    h, w = image.shape[:2]
    strength = np.float32(rng.uniform(0.5, 4.0) if rng.random() < 0.85 else rng.uniform(4, 12))
    grain = rng.standard_normal((h, w), dtype=np.float32)
    if rng.random() < 0.5:  # noise that was denoised or enlarged is coarser
        grain = cv2.GaussianBlur(grain, (3, 3), 0.8) * 1.8
    out = image + (strength * grain)[..., None]
    return np.clip(out + 0.5, 0, 255).astype(np.uint8)


def _jpeg(image: U8, quality: int) -> U8:
    bgr = cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
    _, data = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return cv2.cvtColor(cv2.imdecode(data, cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)
