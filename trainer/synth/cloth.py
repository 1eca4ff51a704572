"""Cloth masks: sewn cups, flat double layers and stretch masks in any colour."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import ClassVar

import numpy as np

from ecgan.engine.types import F32

from . import colors, folds, patterns, valve
from .base import Band, Cloth, MaskShape, Paint, Palette
from .wearing import ear_loops, side_angle


class ClothMask:
    """Any colour or print, soft folds, sometimes a seam down the middle."""

    KINDS: ClassVar[Mapping[str, float]] = {"sewn": 0.66, "stretch": 0.34}

    def shape(self, rng: np.random.Generator, kind: str) -> MaskShape:
        """Draw an outline: sewn cups, or a stretch mask with broad ears."""
        return self._sewn(rng) if kind == "sewn" else self._stretch(rng)

    def _sewn(self, rng: np.random.Generator) -> MaskShape:
        peak, chin = rng.uniform(132, 152), rng.uniform(230, 256)
        radius = rng.uniform(76, 85)
        shape = MaskShape(
            side_angle=side_angle(rng.uniform(60, 80), radius),
            peak_y=peak,
            side_top_y=peak + rng.uniform(-2, 24),
            side_bottom_y=chin - rng.uniform(8, 44),
            chin_y=chin,
            top_power=rng.uniform(0.9, 2.4),
            bottom_power=rng.uniform(1.4, 3.0),
            taper=rng.uniform(0.0, 0.4),
            bulge=rng.uniform(-0.04, 0.06),
            corner=rng.uniform(0, 9),
            radius=radius,
        )
        return replace(shape, bands=ear_loops(rng, (1.0, 4.2)))

    def _stretch(self, rng: np.random.Generator) -> MaskShape:
        peak, chin = rng.uniform(132, 150), rng.uniform(230, 254)
        side = peak + rng.uniform(-4, 22)
        shape = MaskShape(
            side_angle=rng.uniform(1.15, 1.5),
            peak_y=peak,
            side_top_y=side,
            side_bottom_y=side + rng.uniform(10, 40),
            chin_y=chin,
            top_power=rng.uniform(0.7, 1.3),
            bottom_power=rng.uniform(1.3, 2.2),
            taper=rng.uniform(0.0, 0.15),
            corner=rng.uniform(0, 3),
            radius=rng.uniform(76, 86),
        )
        ear = Band(rng.uniform(0.3, 0.6), rng.uniform(1.5, 2.0), side, rng.uniform(3, 11), 0.0)
        sides = [(ear,) if rng.random() < 0.75 else () for _ in range(2)]
        return replace(shape, bands=(sides[0], sides[1]))

    def paint(self, cloth: Cloth, rng: np.random.Generator, palette: Palette) -> Paint:
        """Draw colour or print, seam, hem and folds."""
        albedo, base, relief = fabric(cloth, rng, palette)
        if rng.random() < 0.5:
            relief += folds.hem(cloth, rng, rng.uniform(2.5, 6.0), rng.uniform(0.02, 0.2))
        if rng.random() < 0.4:
            relief += self._seam(cloth, rng)
        if rng.random() < 0.2:
            relief += self._pleats(cloth, rng)
        if rng.random() < 0.08:
            valve.draw(cloth, rng, albedo, relief)
        roll = rng.random()
        band = base if roll < 0.5 else colors.neutral(rng, 0.03, 0.2)
        if roll > 0.75:
            band = colors.neutral(rng, 0.85, 0.97)
        if rng.random() < 0.15:
            self._bind(cloth, rng, albedo, band)
        return Paint(albedo, relief, band)

    def _bind(self, cloth: Cloth, rng: np.random.Generator, albedo: F32, color: F32) -> None:
        """A ribbon sewn round the edge, of the loops' colour."""
        inner = np.minimum(np.minimum(cloth.from_top, cloth.from_bottom), cloth.from_side)
        on = np.clip((np.float32(rng.uniform(3, 9)) - inner) * cloth.px + 0.5, 0.0, 1.0)
        albedo += on[..., None] * (color - albedo)

    def _seam(self, cloth: Cloth, rng: np.random.Generator) -> F32:
        lit = np.float32(rng.uniform(-0.1, 0.1)) * np.tanh(cloth.u * 6.0)
        return lit - np.float32(rng.uniform(0.05, 0.25)) * folds.line(cloth.across, 1.3)

    def _pleats(self, cloth: Cloth, rng: np.random.Generator) -> F32:
        total = np.zeros_like(cloth.u)
        strength = rng.uniform(0.06, 0.3)
        for v0 in np.linspace(rng.uniform(0.2, 0.35), rng.uniform(0.6, 0.8), 3):
            d = (cloth.v - np.float32(v0)) * cloth.height
            total += folds.step(d, strength, 0.5 * strength, rng.uniform(1.5, 5.0))
        return total


def fabric(cloth: Cloth, rng: np.random.Generator, palette: Palette) -> tuple[F32, F32, F32]:
    """Soft cloth of any colour or print that is worn, before anything is sewn to it.

    Returns:
        Albedo (h, w, 3), its ground colour (3,), relief (h, w) around 1, all float32.
    """
    albedo, base = patterns.draw(cloth, rng, palette)
    relief = 1.0 + folds.dome(cloth, rng)
    relief += folds.creases(cloth, rng, rng.uniform(0.0, 0.22))
    relief += folds.tension(cloth, rng, rng.uniform(0.0, 0.16))
    relief += folds.weave(cloth, rng, rng.uniform(0.0, 0.07))
    return albedo, base, relief
