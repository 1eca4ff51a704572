"""The pleated disposable mask."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import ClassVar

import numpy as np

from ecgan.engine.types import F32

from . import colors, folds
from .base import Cloth, MaskShape, Paint, Palette
from .wearing import ear_loops, side_angle

_TRAIN = [
    colors.rgb(150, 200, 232),  # light blue
    colors.rgb(108, 178, 222),
    colors.rgb(236, 240, 242),  # white
    colors.rgb(120, 205, 215),  # turquoise
    colors.rgb(34, 34, 38),  # black
    colors.rgb(240, 178, 190),  # pink
    colors.rgb(140, 146, 152),  # grey
    colors.rgb(60, 100, 160),  # dark blue
]
_TRAIN_WEIGHTS = [5, 3, 7, 2.5, 2.5, 1, 1, 0.7]
_HELD_OUT = [colors.rgb(165, 222, 190), colors.rgb(178, 160, 215)]


class Surgical:
    """Pleats across, a wire over the nose, welded edges, thin ear loops."""

    KINDS: ClassVar[Mapping[str, float]] = {"pleated": 1.0}

    def shape(self, rng: np.random.Generator, kind: str) -> MaskShape:
        """Draw an outline: a wide rectangle that bows over nose and chin."""
        peak = rng.uniform(135, 152)
        side = peak + rng.uniform(0, 16)
        chin = rng.uniform(231, 256)
        radius = rng.uniform(76, 85)
        shape = MaskShape(
            side_angle=side_angle(rng.uniform(61, 79), radius),
            peak_y=peak,
            side_top_y=side,
            side_bottom_y=chin - rng.uniform(8, 34),
            chin_y=chin,
            top_power=rng.uniform(1.0, 2.4),
            bottom_power=rng.uniform(1.6, 3.2),
            taper=rng.uniform(0.04, 0.4),
            bulge=rng.uniform(-0.04, 0.05),
            corner=rng.uniform(0, 5),
            radius=radius,
        )
        return replace(shape, bands=ear_loops(rng, (1.0, 3.0)))

    def paint(self, cloth: Cloth, rng: np.random.Generator, palette: Palette) -> Paint:
        """Draw colour, pleats, wire and edges."""
        base = self._color(rng, palette)
        relief = 1.0 + folds.dome(cloth, rng) + self._pleats(cloth, rng) + self._wire(cloth, rng)
        relief += folds.hem(cloth, rng, rng.uniform(2.5, 5.0), rng.uniform(0.02, 0.14))
        if rng.random() < 0.4:
            relief += self._welds(cloth, rng)
        relief += folds.creases(cloth, rng, rng.uniform(0.0, 0.26))
        relief += folds.tension(cloth, rng, rng.uniform(0.0, 0.24))
        relief += folds.weave(cloth, rng, rng.uniform(0.0, 0.03))
        albedo = np.broadcast_to(base, (*cloth.u.shape, 3)).copy()
        if rng.random() < 0.35:  # white inner layer turned out along the top
            edge = np.clip((rng.uniform(2, 6) - cloth.from_top) * cloth.px + 0.5, 0, 1)[..., None]
            albedo += edge * (colors.rgb(238, 240, 242) - albedo)
        band = colors.neutral(rng, 0.85, 0.97) if rng.random() < 0.75 else base
        if base.mean() < 0.3 and rng.random() < 0.9:
            band = base
        return Paint(albedo.astype(np.float32), relief, band)

    def _color(self, rng: np.random.Generator, palette: Palette) -> F32:
        if palette == "held-out":
            return colors.near(colors.pick(rng, _HELD_OUT, [1, 1]), rng)
        return colors.near(colors.pick(rng, _TRAIN, list(_TRAIN_WEIGHTS)), rng)

    def _pleats(self, cloth: Cloth, rng: np.random.Generator) -> F32:
        strength, count = rng.uniform(0.04, 0.3), int(rng.integers(2, 5))
        first, last = rng.uniform(0.18, 0.36), rng.uniform(0.6, 0.82)
        opened = rng.uniform(-0.06, 0.1)
        total = np.zeros_like(cloth.u)
        middle = 1.0 - cloth.u**2
        wobble = folds.noise(cloth, rng, (1, 4)) * 0.012
        total += self._slopes(cloth, rng, first, (last - first) / max(count - 1, 1), wobble)
        for v0 in np.linspace(first, last, count):
            d = (cloth.v - np.float32(v0) - (v0 - 0.5) * opened * middle - wobble) * cloth.height
            fade = 0.55 + 0.45 * np.clip(folds.noise(cloth, rng, (1, 3)), -1, 1)
            total += folds.step(d, strength, 0.5 * strength, rng.uniform(1.2, 4.5)) * fade
        return total

    def _slopes(
        self, cloth: Cloth, rng: np.random.Generator, first: float, pitch: float, wobble: F32
    ) -> F32:
        """Each strip between two pleats leans out at its top: lit there, darker towards the next."""
        strip = np.mod((cloth.v - np.float32(first) - wobble) / np.float32(pitch), 1.0)
        depth = np.clip(0.6 + 0.6 * folds.noise(cloth, rng, (3, 4)), -0.3, 1.4)
        return np.float32(rng.uniform(0.0, 0.26)) * depth * (0.45 - strip)

    def _welds(self, cloth: Cloth, rng: np.random.Generator) -> F32:
        """Rows of welded points along the top edge."""
        pitch = np.float32(2 * np.pi / rng.uniform(2.5, 5.0))
        points = np.clip(np.sin(cloth.across * pitch), 0.0, 1.0)
        depth = rng.uniform(5.0, 9.0)
        rows = folds.line(cloth.from_top - depth, 1.0)
        rows += folds.line(cloth.from_top - depth - rng.uniform(2.5, 4.5), 1.0)
        return -np.float32(rng.uniform(0.05, 0.25)) * rows * points

    def _wire(self, cloth: Cloth, rng: np.random.Generator) -> F32:
        reach = np.clip((rng.uniform(0.3, 0.55) - np.abs(cloth.u)) * 8.0, 0.0, 1.0)
        d = cloth.from_top - np.float32(rng.uniform(4.0, 8.0))
        shine = np.float32(rng.uniform(-0.1, 0.18))
        return shine * np.asarray(reach, np.float32) * folds.line(d, rng.uniform(1.5, 3.0))
