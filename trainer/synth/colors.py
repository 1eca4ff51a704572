"""Colours of masks. Those of the "held-out" palette never occur in "train"."""

from __future__ import annotations

import colorsys

import numpy as np

from ecgan.engine.types import F32

from .base import Palette

HELD_OUT_HUES = ((0.28, 0.36), (0.70, 0.78))
"""Bands of hue kept for validation: green and violet."""


def rgb(*values: int) -> F32:
    """(3,) float32 in [0, 1] from 0..255."""
    return np.array(values, np.float32) / np.float32(255.0)


def _held_out(hue: float) -> bool:
    return any(low <= hue <= high for low, high in HELD_OUT_HUES)


def any_color(
    rng: np.random.Generator,
    palette: Palette,
    saturation: tuple[float, float] = (0.1, 0.95),
    value: tuple[float, float] = (0.15, 0.95),
) -> F32:
    """A colour of the palette's hues: (3,) float32 in [0, 1]."""
    if palette == "held-out":
        low, high = HELD_OUT_HUES[int(rng.integers(2))]
        hue = rng.uniform(low, high)
    else:
        hue = rng.random()
        while _held_out(hue):
            hue = rng.random()
    rgb_value = colorsys.hsv_to_rgb(hue, rng.uniform(*saturation), rng.uniform(*value))
    return np.array(rgb_value, np.float32)


def near(color: F32, rng: np.random.Generator, spread: float = 0.03) -> F32:
    """The colour, a little off, as dyes and white balance vary."""
    return np.clip(color + rng.normal(0, spread, 3).astype(np.float32), 0.01, 1.0)


def neutral(rng: np.random.Generator, low: float, high: float) -> F32:
    """A grey with a faint tint."""
    return near(np.full(3, rng.uniform(low, high), np.float32), rng, 0.012)


def pick(rng: np.random.Generator, colors: list[F32], weights: list[float]) -> F32:
    """One of the colours, by weight."""
    share = np.asarray(weights) / np.sum(weights)
    return colors[int(rng.choice(len(colors), p=share))]
