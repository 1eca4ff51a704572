"""What is pulled over nose and mouth without being a mask: scarf, neck gaiter, bandana."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import ClassVar

import numpy as np

from ecgan.engine.types import F32

from . import folds
from .base import Cloth, MaskShape, Paint, Palette
from .cloth import fabric


class Scarf:
    """Cloth that goes round the neck: no loops, and mostly no lower edge in the picture."""

    KINDS: ClassVar[Mapping[str, float]] = {"gaiter": 0.5, "wrapped": 0.3, "bandana": 0.2}

    def shape(self, rng: np.random.Generator, kind: str) -> MaskShape:
        """Draw an outline: a tube, thick layers that stand off the jaw, or a hanging corner."""
        peak = rng.uniform(136, 158)
        tube = MaskShape(
            side_angle=rng.uniform(1.3, 1.6),
            peak_y=peak,
            side_top_y=peak + rng.uniform(-4, 22),
            side_bottom_y=rng.uniform(250, 330),
            chin_y=rng.uniform(262, 335),
            top_power=rng.uniform(1.0, 2.4),
            taper=rng.uniform(-0.05, 0.2),
            radius=rng.uniform(76, 86),
        )
        if kind == "wrapped":
            return replace(
                tube,
                side_angle=1.55,
                side_bottom_y=rng.uniform(300, 350),
                chin_y=rng.uniform(310, 360),
                taper=rng.uniform(-0.25, 0.0),
                radius=rng.uniform(86, 112),
            )
        if kind == "bandana":
            return replace(
                tube,
                side_bottom_y=peak + rng.uniform(30, 60),
                chin_y=rng.uniform(255, 310),
                bottom_power=rng.uniform(0.8, 1.3),
                taper=0.0,
            )
        return tube

    def paint(self, cloth: Cloth, rng: np.random.Generator, palette: Palette) -> Paint:
        """Draw colour or print with deep folds across."""
        albedo, base, relief = fabric(cloth, rng, palette)
        return Paint(albedo, relief + self._layers(cloth, rng), base)

    def _layers(self, cloth: Cloth, rng: np.random.Generator) -> F32:
        total = np.zeros_like(cloth.u)
        strength = rng.uniform(0.1, 0.45)
        sag = rng.uniform(-20, 30)
        for y0 in np.arange(rng.uniform(8, 20), 130, rng.uniform(14, 32)):
            bend = sag * (1.0 - cloth.u**2) + 5.0 * folds.noise(cloth, rng, (1, 4))
            fade = np.clip(0.6 + 0.5 * folds.noise(cloth, rng, (2, 3)), 0.0, 1.0)
            d = cloth.from_top - np.float32(y0) - bend
            total += folds.step(d, strength, 0.5 * strength, rng.uniform(3.0, 9.0)) * fade
        return total
