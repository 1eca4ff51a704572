"""What a drawn mask is made of: its shape, the coordinates on its cloth, its paint, the result.

Lengths are pixels of the 256-px aligned crop ("template pixels") unless said otherwise; angles
are radians.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal, Protocol

import numpy as np

from ecgan.engine.types import F32, U8

Palette = Literal["train", "held-out"]
"""Which colours and patterns may be used; "held-out" shares none with "train"."""


@dataclass(frozen=True)
class Covering:
    """A face that wears a mask.

    Attributes:
        image: (S, S, 3) uint8 RGB.
        mask: (S, S) float32 in [0, 1]; 1 = covering, exactly what was painted, loops included.
    """

    image: U8
    mask: F32


@dataclass(frozen=True)
class Band:
    """An ear loop or strap from the mask's side to the back of the head.

    Attributes:
        v: Where it leaves the side, 0 = top corner, 1 = bottom corner.
        end_angle: Angle round the head where it vanishes behind ear or hair.
        end_y: Height where it vanishes.
        width: Thickness; a loop thinner than 1.5 is drawn all the same, and labelled.
        sag: How far its middle hangs below the straight line.
    """

    v: float
    end_angle: float
    end_y: float
    width: float
    sag: float


@dataclass(frozen=True)
class MaskShape:
    """Outline of a mask on a frontal template face.

    The cloth lies on a cylinder round the head: ``u`` in [-1, 1] runs across it, ``v`` in
    [0, 1] from the top edge to the bottom edge.

    Attributes:
        side_angle: Angle from the nose axis to the side edge at the top.
        peak_y: Top edge at the nose axis.
        side_top_y: Top edge at the sides.
        side_bottom_y: Bottom edge at the sides.
        chin_y: Bottom edge at the nose axis.
        top_power: How the top edge falls from the bridge: 1 = a roof, 3 = a plateau.
        bottom_power: The same at the chin.
        taper: Share by which the mask is narrower at the chin.
        bulge: Share by which the sides bow outwards in the middle.
        corner: Height that the rounding takes from the corners.
        lean: Height by which the right side hangs lower than the left.
        tilt: Rotation of the whole mask in the picture.
        shift: (x, y) displacement of the whole mask.
        radius: Radius of the cylinder.
        bands: Loops and straps, for each side.
    """

    side_angle: float
    peak_y: float
    side_top_y: float
    side_bottom_y: float
    chin_y: float
    top_power: float = 1.5
    bottom_power: float = 2.2
    taper: float = 0.15
    bulge: float = 0.0
    corner: float = 4.0
    lean: float = 0.0
    tilt: float = 0.0
    shift: tuple[float, float] = (0.0, 0.0)
    radius: float = 80.0
    bands: tuple[tuple[Band, ...], tuple[Band, ...]] = ((), ())

    def top(self, u: F32) -> F32:
        """Height of the top edge at ``u``."""
        a = np.abs(u)
        y = self.peak_y + (self.side_top_y - self.peak_y) * a**self.top_power
        return np.asarray(y + 0.5 * self.lean * u + self.corner * a**10, np.float32)

    def bottom(self, u: F32) -> F32:
        """Height of the bottom edge at ``u``."""
        a = np.abs(u)
        y = self.chin_y + (self.side_bottom_y - self.chin_y) * a**self.bottom_power
        return np.asarray(y + 0.5 * self.lean * u - self.corner * a**10, np.float32)

    def half_angle(self, y: F32) -> F32:
        """Angle from the axis to the side edge at height ``y``."""
        t = np.clip((y - self.side_top_y) / (self.chin_y - self.side_top_y), 0.0, 1.0)
        wide = 1.0 - self.taper * t * t + self.bulge * 4.0 * t * (1.0 - t)
        return np.asarray(self.side_angle * wide, np.float32)


@dataclass(frozen=True)
class Cloth:
    """Coordinates on the mask for every pixel of a window of the picture.

    Attributes:
        u: (h, w) float32 across, -1 = left edge, 1 = right edge.
        v: (h, w) float32 down, 0 = top edge, 1 = bottom edge.
        across: (h, w) float32: length along the cloth from its middle.
        down: (h, w) float32: length down from the top of the window.
        height: (h, w) float32: length of the cloth from top to bottom edge.
        yaw: Angle by which the head is turned, positive = towards the picture's right.
        px: Picture pixels in one template pixel.
    """

    u: F32
    v: F32
    across: F32
    down: F32
    height: F32
    yaw: float
    px: float

    @property
    def from_top(self) -> F32:
        """(h, w) float32 distance below the top edge."""
        return self.v * self.height

    @property
    def from_bottom(self) -> F32:
        """(h, w) float32 distance above the bottom edge."""
        return np.asarray((1.0 - self.v) * self.height, np.float32)

    @property
    def from_side(self) -> F32:
        """(h, w) float32 distance from the nearer side edge."""
        return np.asarray((1.0 - np.abs(self.u)) * 88.0, np.float32)


@dataclass(frozen=True)
class Paint:
    """Colour and relief of a mask before light falls on it.

    Attributes:
        albedo: (h, w, 3) float32 in [0, 1].
        relief: (h, w) float32 factor on the light from folds, seams and edges, around 1.
        band_color: (3,) float32 in [0, 1], of loops and straps.
    """

    albedo: F32
    relief: F32
    band_color: F32


class MaskStyle(Protocol):
    """One kind of mask; a class without state."""

    KINDS: ClassVar[Mapping[str, float]]
    """Cuts of this style -> how often each is drawn; the shares sum to 1."""

    def shape(self, rng: np.random.Generator, kind: str) -> MaskShape:
        """Draw the outline of one of `KINDS` as it should sit, with its loops or straps."""

    def paint(self, cloth: Cloth, rng: np.random.Generator, palette: Palette) -> Paint:
        """Draw colour and relief for a window of the picture."""
