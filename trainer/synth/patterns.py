"""Colours and prints of cloth, drawn in cloth coordinates so that they bend with the face."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import numpy.typing as npt

from ecgan.engine.types import F32

from . import colors, folds
from .base import Cloth, Palette

_Draw = Callable[[Cloth, np.random.Generator, Palette], F32]


def draw(cloth: Cloth, rng: np.random.Generator, palette: Palette) -> tuple[F32, F32]:
    """Albedo (h, w, 3) and its ground colour (3,), both float32 in [0, 1]."""
    base = _ground(rng, palette)
    albedo = np.broadcast_to(base, (*cloth.u.shape, 3)).copy()
    if rng.random() < 0.5:
        return albedo, base
    kinds = _HELD_OUT if palette == "held-out" else _TRAIN
    ink = kinds[int(rng.integers(len(kinds)))](cloth, rng, palette)
    if ink.ndim == 3:
        return ink, base
    strength = np.float32(rng.uniform(0.4, 1.0))
    for _ in range(int(rng.integers(1, 3))):
        other = _ground(rng, palette)
        albedo += (strength * ink)[..., None] * (other - albedo)
        ink = np.roll(ink, (int(rng.integers(3, 9)), int(rng.integers(3, 9))), (0, 1)) * (1 - ink)
    return albedo.astype(np.float32), base


def _ground(rng: np.random.Generator, palette: Palette) -> F32:
    if palette == "held-out":
        return colors.any_color(rng, palette)
    roll = rng.random()
    if roll < 0.27:
        return colors.neutral(rng, 0.04, 0.18)  # black
    if roll < 0.42:
        return colors.neutral(rng, 0.8, 0.97)
    if roll < 0.52:
        return colors.neutral(rng, 0.2, 0.75)
    if roll < 0.6:  # skin, beige
        return colors.near(colors.rgb(214, 170, 140) * np.float32(rng.uniform(0.4, 1.1)), rng)
    return colors.any_color(rng, palette)


def _soft(signal: npt.ArrayLike, cloth: Cloth, slope: float) -> F32:
    """0..1 from a signal's sign, as sharp as the picture's pixels allow."""
    return np.clip(np.asarray(signal, np.float32) * np.float32(slope * cloth.px) + 0.5, 0.0, 1.0)


def _turned(cloth: Cloth, angle: float) -> tuple[F32, F32]:
    c, s = np.float32(np.cos(angle)), np.float32(np.sin(angle))
    return c * cloth.across + s * cloth.down, c * cloth.down - s * cloth.across


def _stripes(cloth: Cloth, rng: np.random.Generator, palette: Palette) -> F32:
    a, _ = _turned(cloth, rng.choice([0.0, np.pi / 2, rng.uniform(0, np.pi)]))
    pitch = rng.uniform(6, 30)
    return _soft(np.sin(a * (2 * np.pi / pitch)) + rng.uniform(-0.6, 0.6), cloth, pitch / 6)


def _dots(cloth: Cloth, rng: np.random.Generator, palette: Palette) -> F32:
    a, b = _turned(cloth, rng.uniform(0, np.pi))
    pitch = rng.uniform(6, 26)
    row = np.floor(b / pitch)
    da = (a / pitch + 0.5 * np.mod(row, 2)) % 1.0 - 0.5
    db = b / pitch - row - 0.5
    return _soft((rng.uniform(0.15, 0.38) - np.hypot(da, db)) * pitch, cloth, 1.0)


def _checks(cloth: Cloth, rng: np.random.Generator, palette: Palette) -> F32:
    a, b = _turned(cloth, rng.choice([0.0, np.pi / 4, rng.uniform(0, np.pi)]))
    pitch, wide = rng.uniform(7, 30), rng.uniform(-0.4, 0.4)
    k = 2 * np.pi / pitch
    across = _soft(np.sin(a * k) + wide, cloth, pitch / 6)
    return 0.5 * (across + _soft(np.sin(b * k) + wide, cloth, pitch / 6))


def _camouflage(cloth: Cloth, rng: np.random.Generator, palette: Palette) -> F32:
    n = int(rng.integers(4, 16))
    field = folds.noise(cloth, rng, (n, n)) + 0.5 * folds.noise(cloth, rng, (2 * n, 2 * n))
    return _soft(field - rng.uniform(-0.3, 0.7), cloth, rng.uniform(2, 8))


def _flowers(cloth: Cloth, rng: np.random.Generator, palette: Palette) -> F32:
    pitch, petals = rng.uniform(14, 34), int(rng.integers(4, 8))
    a, b = _turned(cloth, rng.uniform(0, np.pi))
    bend = 2.5 * folds.noise(cloth, rng, (4, 4))
    row = np.floor(b / pitch)
    da = (((a + bend) / pitch + 0.37 * row) % 1.0 - 0.5) * pitch
    db = (b / pitch - row - 0.5) * pitch
    r = np.hypot(da, db)
    edge = pitch * rng.uniform(0.24, 0.4) * (1 + 0.4 * np.cos(petals * np.arctan2(db, da)))
    return _soft(edge - r, cloth, 0.8) * _soft(r - rng.uniform(0, 3), cloth, 1.0)


def _blotches(cloth: Cloth, rng: np.random.Generator, palette: Palette) -> F32:
    """Several colours that flow into each other: tie-dye, watercolour, photographs."""
    n = int(rng.integers(2, 7))
    mix = np.stack([folds.noise(cloth, rng, (n, n)) for _ in range(3)], -1)
    mean = colors.any_color(rng, palette)
    return np.clip(mean + mix * np.float32(rng.uniform(0.04, 0.2)), 0.02, 1.0)


def _logo(cloth: Cloth, rng: np.random.Generator, palette: Palette) -> F32:
    """A motif or two: polygon, letters."""
    h, w = cloth.u.shape
    canvas = np.zeros((h, w), np.uint8)
    for _ in range(int(rng.integers(1, 4))):
        centre = (int(w * rng.uniform(0.1, 0.8)), int(h * rng.uniform(0.3, 0.8)))
        if rng.random() < 0.5:
            text = "".join(chr(65 + int(k)) for k in rng.integers(0, 26, int(rng.integers(1, 6))))
            large = rng.uniform(0.2, 1.0) ** 2  # small prints are common, but all sizes occur
            scale = cloth.px * 2.4 * large
            thick = max(1, round(cloth.px * rng.uniform(1, 4 + 8 * large)))
            face = int(rng.integers(0, 5))
            cv2.putText(canvas, text, centre, face, scale, 255, thick, cv2.LINE_AA)
        else:
            angles = np.sort(rng.uniform(0, 2 * np.pi, int(rng.integers(3, 11))))
            radii = cloth.px * rng.uniform(4, 36) * rng.uniform(0.6, 1.2, len(angles))
            points = np.stack([np.cos(angles), np.sin(angles)], 1) * radii[:, None] + centre
            cv2.fillPoly(canvas, [np.round(points).astype(np.int32)], 255, cv2.LINE_AA)
    return canvas.astype(np.float32) / 255.0


def _flag(cloth: Cloth, rng: np.random.Generator, palette: Palette) -> F32:
    """Two to four fields of different colours, across or down, now and then with a sign on them."""
    a, _ = _turned(cloth, rng.choice([0.0, np.pi / 2, rng.uniform(0, np.pi)]))
    places = np.sort(rng.uniform(np.quantile(a, 0.1), np.quantile(a, 0.9), int(rng.integers(1, 4))))
    albedo = np.broadcast_to(_ground(rng, palette), (*cloth.u.shape, 3)).copy()
    for place in places:
        beyond = _soft(a - place, cloth, 1.0)[..., None]
        albedo += beyond * (_ground(rng, palette) - albedo)
    if rng.random() < 0.5:
        albedo += _logo(cloth, rng, palette)[..., None] * (_ground(rng, palette) - albedo)
    return albedo.astype(np.float32)


def _mouth(cloth: Cloth, rng: np.random.Generator, palette: Palette) -> F32:
    """Printed lips, on skin colour half of the time."""
    skin = colors.rgb(222, 178, 150) * np.float32(rng.uniform(0.35, 1.1))
    ground = colors.near(skin, rng) if rng.random() < 0.5 else _ground(rng, palette)
    albedo = np.broadcast_to(ground, (*cloth.u.shape, 3)).copy()
    wide, tall = rng.uniform(14, 34), rng.uniform(4, 13)
    y = (cloth.v - rng.uniform(0.45, 0.65)) * cloth.height
    y = y + rng.uniform(-8, 8) * (cloth.across / wide) ** 2
    r = (cloth.across / wide) ** 2 + (y / tall) ** 2
    lips = _soft((1.0 - r) * tall * 0.5, cloth, 1.0)[..., None]
    albedo += lips * (colors.near(colors.rgb(186, 60, 66), rng, 0.1) - albedo)
    inside = _soft((rng.uniform(0.0, 0.6) - r) * tall * 0.5, cloth, 1.0)[..., None]
    teeth = colors.neutral(rng, 0.7, 0.95) if rng.random() < 0.6 else colors.neutral(rng, 0.05, 0.2)
    albedo += inside * (teeth - albedo)
    return albedo.astype(np.float32)


def _waves(cloth: Cloth, rng: np.random.Generator, palette: Palette) -> F32:
    a, b = _turned(cloth, rng.uniform(0, np.pi))
    pitch = rng.uniform(8, 26)
    bent = a + rng.uniform(2, 6) * np.sin(b * (2 * np.pi / rng.uniform(10, 30)))
    return _soft(np.sin(bent * (2 * np.pi / pitch)), cloth, pitch / 6)


def _rings(cloth: Cloth, rng: np.random.Generator, palette: Palette) -> F32:
    a, b = _turned(cloth, rng.uniform(0, np.pi))
    pitch = rng.uniform(12, 30)
    r = np.hypot((a / pitch) % 1.0 - 0.5, (b / pitch) % 1.0 - 0.5) * pitch
    return _soft(rng.uniform(1.2, 3.0) - np.abs(r - 0.33 * pitch), cloth, 1.0)


_TRAIN: list[_Draw] = [
    _stripes,
    _dots,
    _checks,
    _camouflage,
    _flowers,
    _blotches,
    _logo,
    _logo,
    _flag,
    _mouth,
]
_HELD_OUT: list[_Draw] = [_waves, _rings]
