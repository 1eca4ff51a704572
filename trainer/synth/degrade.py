"""Blur, noise and JPEG over a whole picture, as cameras and the web leave them."""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np
import numpy.typing as npt

from ecgan.engine.types import U8


def degrade_picture(image: U8, rng: np.random.Generator) -> U8:
    """Degrade (S, S, 3) uint8 RGB; most pictures only a little, some hard, some not at all."""
    out = image
    scale = image.shape[0] / 256.0
    roll = rng.random()
    if roll < 0.12:  # came from a small picture
        out = _enlarged(out, rng.uniform(0.3, 0.7))
    elif roll < 0.45:
        sigma = max(0.3, scale * rng.uniform(0.3, 1.3))
        out = np.asarray(cv2.GaussianBlur(out, (0, 0), sigma), np.uint8)
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


@lru_cache(maxsize=1)
def _grain() -> npt.NDArray[np.float32]:
    """A tile of unit noise; windows of it are much cheaper than fresh noise."""
    return np.random.default_rng(0).standard_normal((640, 640), dtype=np.float32)


def _window(rng: np.random.Generator, size: int) -> npt.NDArray[np.float32]:
    y, x = rng.integers(0, 640 - size, 2)
    return _grain()[y : y + size, x : x + size]


def _noisy(image: U8, rng: np.random.Generator) -> U8:
    size = image.shape[0]
    strength = np.float32(rng.uniform(0.5, 4.0) if rng.random() < 0.85 else rng.uniform(4, 12))
    shared = _window(rng, size)
    if rng.random() < 0.5:  # sensor noise differs by colour
        grain = cv2.merge([shared + 0.7 * _window(rng, size) for _ in range(3)])
    else:
        grain = cv2.merge([shared, shared, shared])
    if rng.random() < 0.5:  # noise that was denoised or enlarged is coarser
        grain = cv2.GaussianBlur(grain, (3, 3), 0.8) * 1.8
    return np.asarray(cv2.add(image, grain * strength, dtype=cv2.CV_8U), np.uint8)


def _jpeg(image: U8, quality: int) -> U8:
    _, data = cv2.imencode(".jpg", image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
    bgr = np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)
    return np.ascontiguousarray(bgr[..., ::-1])
