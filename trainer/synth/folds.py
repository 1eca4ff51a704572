"""Relief of cloth: pleats, seams, creases, weave. Factors around 1, as float32 maps."""

from __future__ import annotations

import cv2
import numpy as np

from ecgan.engine.types import F32

from .base import Cloth


def line(distance: F32, width: float) -> F32:
    """Soft ridge: 1 on the line, falling to 0 over ``width``."""
    return np.exp(-((distance / np.float32(width)) ** 2))


def step(distance: F32, dark: float, light: float, width: float) -> F32:
    """A fold that lies on the cloth below: light above the edge, its shadow underneath."""
    d = distance / np.float32(width)
    near = np.exp(-np.abs(d))
    return np.where(d > 0, -np.float32(dark) * near, np.float32(light) * near)


def noise(cloth: Cloth, rng: np.random.Generator, cells: tuple[int, int]) -> F32:
    """Smooth noise of unit deviation, with about ``cells`` (rows, columns) lumps."""
    rows, cols = cells
    coarse = rng.standard_normal((rows + 2, cols + 2)).astype(np.float32)
    h, w = cloth.u.shape
    return np.asarray(cv2.resize(coarse, (w, h), interpolation=cv2.INTER_CUBIC), np.float32)


def creases(cloth: Cloth, rng: np.random.Generator, strength: float) -> F32:
    """Wrinkles that come and go over the cloth."""
    if strength <= 0.0:
        return np.zeros_like(cloth.u)
    cells = (int(rng.integers(3, 8)), int(rng.integers(2, 6)))
    field = noise(cloth, rng, cells)
    gate = np.clip(noise(cloth, rng, (2, 3)), 0.0, 1.5)
    folds = step(field, 0.9, 0.6, rng.uniform(0.1, 0.35))
    soft = noise(cloth, rng, (int(rng.integers(2, 5)), int(rng.integers(2, 5))))
    return np.float32(strength) * (folds * gate + 0.35 * soft)


def tension(cloth: Cloth, rng: np.random.Generator, strength: float) -> F32:
    """Folds that run from the corners, where the loops pull, towards the middle."""
    total = np.zeros_like(cloth.u)
    for side in (-1.0, 1.0):
        reach = np.clip(1.0 + side * cloth.u, 0.0, 2.0)  # 0 at the far side, 2 at this one
        for v0 in (0.0, 1.0):
            slope = (cloth.v - v0) / (2.05 - reach)
            fan = np.sin(slope * np.float32(rng.uniform(14, 30)) + np.float32(rng.uniform(0, 6)))
            away = np.clip(1.0 - np.abs(cloth.v - v0) * 1.6, 0.0, 1.0)
            total += fan * away * np.clip(reach - 1.0, 0.0, 1.0) * np.float32(rng.uniform(0, 1))
    return np.float32(strength) * total


def weave(cloth: Cloth, rng: np.random.Generator, strength: float) -> F32:
    """Fine grain of the material: random fibres or a regular knit."""
    if rng.random() < 0.6:
        grain = rng.standard_normal(cloth.u.shape, dtype=np.float32)
        if cloth.px > 0.6:
            grain = cv2.GaussianBlur(grain, (3, 3), 0.6) * 1.6
        return np.float32(strength) * grain
    pitch = np.float32(2 * np.pi / rng.uniform(2.2, 5.0))
    return np.float32(strength) * np.sin(cloth.across * pitch) * np.sin(cloth.down * pitch)


def hem(cloth: Cloth, rng: np.random.Generator, inset: float, strength: float) -> F32:
    """A welded or sewn border: a line a little inside the edge, the strip a bit lighter."""
    inner = np.minimum(np.minimum(cloth.from_top, cloth.from_bottom), cloth.from_side * 1.0)
    stitched = line(inner - np.float32(inset), 1.1)
    if rng.random() < 0.5:
        stitched *= 0.6 + 0.4 * np.sin(cloth.across * 1.9 + cloth.down * 1.9)
    strip = np.clip((inset - inner) / 2.0, 0.0, 1.0)
    return np.float32(strength) * (0.4 * strip - stitched)


def dome(cloth: Cloth, rng: np.random.Generator) -> F32:
    """Shade of the whole form: sides and chin turn away, nose and chin bulge in the light."""
    from_side = np.float32(rng.normal(0, 0.1))
    round_off = np.float32(rng.uniform(0.02, 0.16))
    under = np.float32(rng.uniform(0.0, 0.35))
    below = np.clip(cloth.v - 0.55, 0.0, 1.0)
    shade = from_side * cloth.u - round_off * cloth.u**2 - under * below * below * 2.0
    ridge = np.float32(rng.uniform(8, 18))  # half width of the nose under the cloth
    nose = np.exp(-((cloth.across / ridge) ** 2)) * np.clip(1.0 - 1.8 * cloth.v, 0.0, 1.0)
    shade += nose * (np.float32(rng.normal(0, 0.16)) * cloth.across / ridge)
    shade += nose * np.float32(rng.uniform(-0.03, 0.1))
    front = np.exp(-((cloth.across / 34.0) ** 2) - ((cloth.v - 0.5) / 0.3) ** 2)
    return shade + front * np.float32(rng.uniform(-0.06, 0.12))
