"""Filtering half masks: folded KN95, moulded cup, three-panel FFP, each with straps or loops."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import ClassVar

import cv2
import numpy as np

from ecgan.engine.types import F32

from . import colors, folds, valve
from .base import Cloth, MaskShape, Paint, Palette
from .wearing import ear_loops, head_straps, side_angle

_STRAPS = [
    colors.rgb(238, 238, 234),
    colors.rgb(235, 200, 60),
    colors.rgb(30, 30, 32),
    colors.rgb(70, 120, 190),
    colors.rgb(190, 50, 50),
]


class Respirator:
    """Stiff cloth with sharp ridges, often a valve and a printed line of text."""

    KINDS: ClassVar[Mapping[str, float]] = {"folded": 0.6, "cup": 0.4}

    def shape(self, rng: np.random.Generator, kind: str) -> MaskShape:
        """Draw an outline: a shield pointed at bridge and chin, or a rounder cup."""
        return self._folded(rng) if kind == "folded" else self._cup(rng)

    def _folded(self, rng: np.random.Generator) -> MaskShape:
        peak, chin = rng.uniform(131, 149), rng.uniform(232, 257)
        radius = rng.uniform(78, 87)
        shape = MaskShape(
            side_angle=side_angle(rng.uniform(61, 79), radius),
            peak_y=peak,
            side_top_y=peak + rng.uniform(16, 38),
            side_bottom_y=chin - rng.uniform(22, 48),
            chin_y=chin,
            top_power=rng.uniform(0.9, 1.6),
            bottom_power=rng.uniform(1.2, 2.2),
            taper=rng.uniform(0.1, 0.45),
            bulge=rng.uniform(0.0, 0.06),
            corner=rng.uniform(2, 10),
            radius=radius,
        )
        bands = ear_loops(rng, (1.2, 3.6)) if rng.random() < 0.8 else head_straps(rng, (2.5, 6))
        return replace(shape, bands=bands)

    def _cup(self, rng: np.random.Generator) -> MaskShape:
        peak, chin = rng.uniform(131, 148), rng.uniform(230, 254)
        radius = rng.uniform(80, 90)
        middle = 0.5 * (peak + chin)
        shape = MaskShape(
            side_angle=side_angle(rng.uniform(57, 71), radius),
            peak_y=peak,
            side_top_y=middle - rng.uniform(8, 22),
            side_bottom_y=middle + rng.uniform(8, 24),
            chin_y=chin,
            top_power=rng.uniform(1.5, 2.3),
            bottom_power=rng.uniform(2.0, 3.2),
            taper=rng.uniform(0.0, 0.2),
            bulge=rng.uniform(0.02, 0.12),
            corner=rng.uniform(2, 8),
            radius=radius,
        )
        return replace(shape, bands=head_straps(rng, (2.0, 5.5)))

    def paint(self, cloth: Cloth, rng: np.random.Generator, palette: Palette) -> Paint:
        """Draw colour, ridges, nose strip, text and valve."""
        base = self._color(rng, palette)
        relief = 1.0 + folds.dome(cloth, rng) + self._ridges(cloth, rng)
        relief += folds.hem(cloth, rng, rng.uniform(3.0, 8.0), rng.uniform(0.03, 0.16))
        relief += folds.creases(cloth, rng, rng.uniform(0.0, 0.05))
        relief += folds.weave(cloth, rng, rng.uniform(0.0, 0.025))
        albedo = np.broadcast_to(base, (*cloth.u.shape, 3)).copy()
        if rng.random() < 0.5:
            self._strip(cloth, rng, albedo)
        if rng.random() < 0.35:
            self._text(cloth, rng, albedo)
        if rng.random() < 0.25:
            valve.draw(cloth, rng, albedo, relief)
        band = colors.near(colors.pick(rng, _STRAPS, [5, 2, 2, 1, 0.7]), rng)
        return Paint(albedo, relief, band)

    def _color(self, rng: np.random.Generator, palette: Palette) -> F32:
        if palette == "held-out":
            return colors.any_color(rng, palette, (0.1, 0.5), (0.4, 0.9))
        roll = rng.random()
        if roll < 0.66:
            return colors.neutral(rng, 0.86, 0.98)
        if roll < 0.84:
            return colors.neutral(rng, 0.06, 0.2)
        if roll < 0.92:
            return colors.neutral(rng, 0.35, 0.7)
        return colors.any_color(rng, palette, (0.1, 0.5), (0.4, 0.9))

    def _ridges(self, cloth: Cloth, rng: np.random.Generator) -> F32:
        kind = rng.random()
        if kind < 0.55:  # vertical fold: two flat halves, one lit more
            lit = np.float32(rng.uniform(-0.14, 0.14)) * np.tanh(cloth.u * 10.0)
            return lit + np.float32(rng.uniform(-0.16, 0.1)) * folds.line(cloth.across, 1.6)
        if kind < 0.8:  # three panels
            total = np.zeros_like(cloth.u)
            for v0, bend in ((rng.uniform(0.25, 0.4), 0.1), (rng.uniform(0.62, 0.75), -0.1)):
                d = (cloth.v - v0 - bend * (cloth.u**2)) * cloth.height
                total += folds.step(d, rng.uniform(0.05, 0.2), rng.uniform(0.0, 0.12), 3.0)
                total += np.float32(rng.uniform(-0.07, 0.07)) * np.tanh(d * 0.5)
            return total
        ring = np.hypot(cloth.u, 2.0 * cloth.v - 1.0)  # moulded dome
        groove = folds.line(ring - np.float32(rng.uniform(0.6, 0.85)), 0.05)
        return -np.float32(rng.uniform(0.02, 0.16)) * groove - 0.12 * np.clip(ring - 0.5, 0, 1)

    def _strip(self, cloth: Cloth, rng: np.random.Generator, albedo: F32) -> None:
        depth, thick = rng.uniform(6, 12), rng.uniform(1.5, 3.0)
        reach = np.clip((rng.uniform(0.25, 0.5) - np.abs(cloth.u)) * 10.0, 0.0, 1.0)
        on = np.clip(thick - np.abs(cloth.from_top - depth), 0.0, 1.0) * reach
        metal = colors.neutral(rng, 0.25, 0.8)
        albedo += on[..., None] * np.float32(rng.uniform(0.4, 1.0)) * (metal - albedo)

    def _text(self, cloth: Cloth, rng: np.random.Generator, albedo: F32) -> None:
        across0, down0 = rng.uniform(-45, 25), rng.uniform(0.35, 0.75)
        ink = np.zeros_like(cloth.u)
        letters = rng.random((8, 24)) < 0.55
        for row in range(int(rng.integers(1, 3))):
            size = rng.uniform(2.0, 4.0)
            d = cloth.from_top - cloth.height * down0 - row * size * 2.4
            column = np.floor((cloth.across - across0) / (0.45 * size)).astype(int)
            level = np.floor(d / (0.4 * size)).astype(int)
            inside = (column >= 0) & (column < 24) & (level >= 0) & (level < 4)
            ink[inside] = letters[level[inside] + 4 * row, column[inside]]
        dark = np.float32(rng.uniform(0.25, 0.8))
        albedo *= 1.0 - dark * cv2.GaussianBlur(ink, (3, 3), 0.7)[..., None]
