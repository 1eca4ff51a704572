"""The plastic valve of a respirator or a sports mask: round or square, with slots."""

from __future__ import annotations

import numpy as np

from ecgan.engine.types import F32

from . import colors, folds
from .base import Cloth

_BRIGHT = [colors.rgb(190, 40, 40), colors.rgb(40, 90, 170), colors.rgb(220, 190, 50)]


def draw(cloth: Cloth, rng: np.random.Generator, albedo: F32, relief: F32) -> None:
    """Draw one, now and then bright, onto albedo (h, w, 3) and relief (h, w) in place."""
    a0 = rng.uniform(18, 34) * rng.choice([-1, 0, 1])
    v0, radius = rng.uniform(0.45, 0.62), rng.uniform(8, 14)
    dx, dy = cloth.across - a0, (cloth.v - v0) * cloth.height
    power = 2.0 if rng.random() < 0.6 else 5.0
    r = (np.abs(dx / radius) ** power + np.abs(dy / radius) ** power) ** (1.0 / power)
    on = np.clip((1.0 - r) * radius * cloth.px + 0.5, 0.0, 1.0)[..., None]
    plastic = colors.neutral(rng, 0.6, 0.95)
    roll = rng.random()
    if roll > 0.85:
        plastic = colors.near(colors.pick(rng, _BRIGHT, [2, 1, 1]), rng)
    elif roll > 0.5:
        plastic = colors.neutral(rng, 0.05, 0.5)
    albedo += on * (plastic - albedo)
    rim = folds.line(r - 0.92, 0.08) - 1.2 * folds.line(r - 1.06, 0.09)
    slots = np.sin(dy * np.float32(rng.uniform(0.9, 1.6))) * (r < 0.75)
    relief += np.float32(rng.uniform(0.1, 0.3)) * (rim + 0.5 * slots)
