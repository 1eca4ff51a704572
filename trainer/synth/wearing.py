"""How masks sit on faces: well, low, crooked, half off; and their loops."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ecgan.engine.errors import OptionError

from .base import Band, MaskShape

WELL, NOSE_FREE, AT_CHIN, CROOKED = "well", "nose free", "at the chin", "crooked"
POSES = {NOSE_FREE: 0.08, AT_CHIN: 0.045, CROOKED: 0.055, WELL: 0.82}
"""How masks are worn -> share of people who do."""

_LOOP_SEEN = 0.75
"""Share of loops that no hair hides."""


def side_angle(half_width: float, radius: float) -> float:
    """Angle on a cylinder of ``radius`` at which a mask is ``half_width`` wide, seen frontally."""
    return float(np.arcsin(min(half_width / radius, 0.985)))


def wear(shape: MaskShape, rng: np.random.Generator, pose: str | None = None) -> MaskShape:
    """Move a well-worn mask the way people wear it.

    Args:
        shape: A mask as it should sit.
        rng: Source of randomness.
        pose: A name of `POSES`; drawn by its share where None.

    Raises:
        OptionError: The pose is unknown.
    """
    roll = rng.random()
    if pose is None:
        names = list(POSES)
        shares = np.cumsum([POSES[name] for name in names])
        pose = names[min(int(np.searchsorted(shares, roll, side="right")), len(names) - 1)]
    if pose not in POSES:
        raise OptionError(f"unknown pose '{pose}'; choose from {', '.join(POSES)}")
    shift = (float(rng.normal(0, 1.5)), float(rng.normal(0, 2.0)))
    tilt, lean = float(rng.normal(0, 0.02)), float(rng.normal(0, 2.0))
    if pose == NOSE_FREE:
        low = rng.uniform(14, 30)
        shape = _lowered(shape, low, 0.6 * low, 0.2 * low, 0.15 * low)
    elif pose == AT_CHIN:
        low = rng.uniform(55, 72)
        shape = _lowered(shape, low, 0.55 * low, 0.3 * low, rng.uniform(5, 25))
    elif pose == CROOKED:
        tilt = float(rng.choice([-1, 1]) * rng.uniform(0.07, 0.2))
        shift = (float(rng.normal(0, 7)), float(rng.normal(2, 6)))
        lean = float(rng.normal(0, 8))
    return replace(shape, shift=shift, tilt=tilt, lean=lean)


def _lowered(shape: MaskShape, peak: float, top: float, bottom: float, chin: float) -> MaskShape:
    return replace(
        shape,
        peak_y=shape.peak_y + peak,
        side_top_y=shape.side_top_y + top,
        side_bottom_y=shape.side_bottom_y + bottom,
        chin_y=shape.chin_y + chin,
    )


def ear_loops(
    rng: np.random.Generator, width: tuple[float, float]
) -> tuple[tuple[Band, ...], tuple[Band, ...]]:
    """Two strings on each side to the ear; hair hides them on a side now and then."""
    thick = rng.uniform(*width)
    high, low = rng.uniform(0.02, 0.12), rng.uniform(0.78, 0.97)
    ear = rng.uniform(130, 150)
    gap = rng.uniform(4, 26)

    def side() -> tuple[Band, ...]:
        if rng.random() > _LOOP_SEEN:
            return ()
        angle = rng.uniform(1.5, 2.0)
        jitter = rng.normal(0, 3)
        return (
            Band(high, angle, ear + jitter, thick, rng.uniform(-1, 2)),
            Band(low, angle, ear + gap + jitter, thick, rng.uniform(-1, 4)),
        )

    return side(), side()


def head_straps(
    rng: np.random.Generator, width: tuple[float, float]
) -> tuple[tuple[Band, ...], tuple[Band, ...]]:
    """One strap over and one under the ear, on both sides alike."""
    thick = rng.uniform(*width)
    v0, v1 = rng.uniform(0.1, 0.35), rng.uniform(0.5, 0.75)
    up, down = rng.uniform(95, 135), rng.uniform(160, 205)
    bands: tuple[Band, ...] = (
        Band(v0, rng.uniform(1.5, 1.9), up, thick, rng.uniform(-2, 2)),
        Band(v1, rng.uniform(1.4, 1.8), down, thick, rng.uniform(-2, 2)),
    )
    keep = rng.random()
    if keep < 0.15:
        bands = bands[:1]
    return bands, bands
