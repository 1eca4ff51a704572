"""Crop, mask, frame -> frame: lays the paint into the picture so that no seam shows.

How a mask becomes blend weights, going outwards from its edge, in crop pixels:

    mask | rim: alpha 1 | feather: alpha 1 -> 0 | guard | keep
         |        generated paint everywhere             | input

The rim takes the soft edge of the worn mask away, the feather lies on true skin that the generator
painted again, so both sides of the blend show the same thing, and comparing them tells how the
paint's colour differs from the picture. The guard is what interpolation reaches for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import cv2
import numpy as np
import numpy.typing as npt

from .align import invert
from .face_area import FACE_AREA, MASK_LEVEL, Marks
from .grain import SHARPEN_FROM, match_grain, match_sharpness
from .local_mean import local_mean
from .smoothing import LightSmoother
from .types import CROP_SIZE, F32, U8, FaceCrop, Patch

Samples = TypeVar("Samples", npt.NDArray[np.uint8], npt.NDArray[np.uint16])

RIM_PX = 4.0
FEATHER_PX = 3.0
GUARD_PX = 2.0
BORDER_PX = 14.0
"""Where a mask goes on beyond the crop, the paint fades over so many crop pixels, or it would end in a
straight line."""
EDGE_FRAME_PX = 2.0
"""Least width of rim and feather in frame pixels: chroma of a video bleeds that far."""
EDGE_LIMIT_PX = 8.0
"""Most crop pixels that rule may ask for, however small the face is."""
FAR_PX = 48.0
"""Distances are cut here: farther away nothing happens."""

RING_PX = 3.0
"""The patch reaches this far beyond the paint at least, for skin to measure sharpness and grain on."""
AVERAGE_BELOW = 0.8
"""Frame pixels per crop pixel below which plain interpolation would skip crop pixels."""

TONE_GRID = 16
"""The colour correction is a grid of this many cells a side, blown up smoothly."""
TONE_LIMIT = 32.0
"""Most it may add or take, of 255, so that paint can never run away with the surroundings."""
TONE_OUTLIER = 24.0
"""A difference this far from the ring's median shows another thing (hair, collar), not a tone."""


@dataclass(frozen=True)
class _Widths:
    """Distances from the mask's edge in crop pixels."""

    rim: float
    feather: float

    @property
    def alpha_end(self) -> float:
        return self.rim + self.feather

    @property
    def paint_end(self) -> float:
        return self.alpha_end + GUARD_PX


def _widths(side_px: float) -> _Widths:
    crop_px_of_frame_px = CROP_SIZE / side_px
    least = min(EDGE_FRAME_PX * crop_px_of_frame_px, EDGE_LIMIT_PX)
    return _Widths(max(RIM_PX, least), max(FEATHER_PX, least))


def paint_mask(mask: F32, side_px: float) -> F32:
    """What the generator has to paint so that the mask can be hidden.

    Args:
        mask: (256, 256) float32 in [0, 1]; 1 = covered.
        side_px: Side of the crop in frame pixels.

    Returns:
        (256, 256) float32, 0 or 1: the mask grown beyond everything that will be blended.
    """
    return (_distance(mask) <= _widths(side_px).paint_end).astype(np.float32)


def make_patch(frame: U8, crop: FaceCrop, painted: U8, light: LightSmoother | None = None) -> Patch:
    """Bring one face's paint to frame resolution, matched to the picture around it.

    Time and memory follow the face's size in the frame, not the frame's size.

    Args:
        frame: (H, W, 3) uint8 RGB.
        crop: The face as cut from that frame, with its mask.
        painted: (256, 256, 3) uint8 RGB from the generator, painted under ``paint_mask``.
        light: In a video, this face's memory of the frames before.

    Returns:
        The patch; empty where the mask is empty or outside the frame.
    """
    distance = _distance(crop.mask)
    widths = _widths(crop.side_px)
    box = _frame_box(distance < widths.alpha_end + RING_PX, crop.frame_to_crop, frame.shape)
    if box is None:
        return Patch(0, 0, np.zeros((0, 0, 3), np.float32), np.zeros((0, 0), np.float32))
    x0, y0, x1, y1 = box
    to_patch, size = _crop_to_patch(crop.frame_to_crop, x0, y0), (x1 - x0, y1 - y0)
    fade = _fade_where_cut_off(crop, frame.shape)
    guides = _warp(np.dstack([distance, FACE_AREA, fade]), to_patch, size, smooth=False)
    alpha = _alpha(guides[..., 0], widths) * guides[..., 2]
    face = guides[..., 1] > 0.5
    ring = face & (guides[..., 0] > widths.alpha_end)

    inside = (distance <= widths.paint_end).astype(np.float32)
    toned = painted + _tone(crop.crop, painted, distance, widths) * inside[..., None]
    if light is not None:
        toned += light.correction(toned, inside) * inside[..., None]
    rgb = _warp(toned, to_patch, size)
    window = frame[y0:y1, x0:x1]
    if crop.side_px > CROP_SIZE * SHARPEN_FROM:
        original = _warp(crop.crop.astype(np.float32), to_patch, size)
        rgb = match_sharpness(rgb, original, window, ring, crop.side_px / CROP_SIZE)
    rgb = match_grain(rgb, window, ring, face & (alpha == 1), crop.frame_to_crop, (x0, y0))
    return _trimmed(Patch(x0, y0, np.clip(rgb, 0, 255), alpha))


def apply_patches(frame: U8, patches: list[Patch]) -> U8:
    """Lay patches into a copy of a picture, the last one on top.

    Args:
        frame: (H, W, 3) uint8 RGB.
        patches: As ``make_patch`` gives them for this frame.

    Returns:
        (H, W, 3) uint8 RGB; equal to ``frame`` bit for bit where every alpha is 0.
    """
    result = frame.copy()
    for patch in patches:
        height, width = patch.alpha.shape
        window = result[patch.y : patch.y + height, patch.x : patch.x + width]
        window[...] = blend(window, patch.rgb, patch.alpha)
    return result


def union_alpha(patches: Sequence[Patch], size: tuple[int, int]) -> F32:
    """The largest blend weight of any patch at each pixel of a picture.

    Args:
        patches: Inside the picture.
        size: Height and width of the picture.

    Returns:
        (H, W) float32 in [0, 1].
    """
    union = np.zeros(size, np.float32)
    for patch in patches:
        height, width = patch.alpha.shape
        window = union[patch.y : patch.y + height, patch.x : patch.x + width]
        np.maximum(window, patch.alpha, out=window)
    return union


def blend(samples: Samples, painted: F32, alpha: F32) -> Samples:
    """Mix paint into samples of 8 or 16 bits.

    Args:
        samples: (h, w, C) or (h, w), uint8 or uint16 over its full range.
        painted: The same shape, float32 in [0, 255].
        alpha: (h, w) float32 in [0, 1].

    Returns:
        Like ``samples``, rounded to nearest; equal to them bit for bit where alpha is 0.
    """
    scale = np.float32(np.iinfo(samples.dtype).max / 255)
    weight = alpha[..., None] if samples.ndim == 3 else alpha
    base = samples.astype(np.float32)
    mixed = base + weight * (painted * scale - base)
    return np.asarray(np.rint(mixed), samples.dtype)


def _distance(mask: F32) -> F32:
    """Distance of each crop pixel to the mask, 0 inside, cut at ``FAR_PX``.

    Slightly smoothed: the steps of the pixel grid would show in the contour of an enlarged face.
    """
    outside = (mask < MASK_LEVEL).astype(np.uint8)
    if outside.all():
        return np.full(mask.shape, FAR_PX, np.float32)
    distance = cv2.distanceTransform(outside, cv2.DIST_L2, cv2.DIST_MASK_5)
    distance = cv2.GaussianBlur(np.minimum(distance, FAR_PX), (5, 5), 1.0)
    return distance.astype(np.float32, copy=False)


def _trimmed(patch: Patch) -> Patch:
    """The part of a patch that changes anything."""
    rows = np.flatnonzero(patch.alpha.any(axis=1))
    columns = np.flatnonzero(patch.alpha.any(axis=0))
    if not len(rows):
        return Patch(0, 0, patch.rgb[:0, :0], patch.alpha[:0, :0])
    kept = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    x, y = patch.x + int(columns[0]), patch.y + int(rows[0])
    return Patch(x, y, patch.rgb[kept], patch.alpha[kept])


def _alpha(distance: F32, widths: _Widths) -> F32:
    t = np.clip((widths.alpha_end - distance) / np.float32(widths.feather), 0, 1)
    return (t * t * (3 - 2 * t)).astype(np.float32)


def _fade_where_cut_off(crop: FaceCrop, shape: tuple[int, ...]) -> F32:
    """(256, 256) in [0, 1]: 0 where the mask leaves the crop but not the picture."""
    border = np.ones((CROP_SIZE, CROP_SIZE), bool)
    border[1:-1, 1:-1] = False
    rows, columns = np.nonzero(border & (crop.mask >= MASK_LEVEL))
    x, y = invert(crop.frame_to_crop) @ np.stack([columns, rows, np.ones_like(rows)])
    seen = (x >= 0) & (y >= 0) & (x <= shape[1] - 1) & (y <= shape[0] - 1)
    if not seen.any():
        return _NO_FADE
    elsewhere = np.ones((CROP_SIZE, CROP_SIZE), np.uint8)
    elsewhere[rows[seen], columns[seen]] = 0
    return np.clip(cv2.distanceTransform(elsewhere, cv2.DIST_L2, 5) / BORDER_PX, 0, 1)


_NO_FADE = np.ones((CROP_SIZE, CROP_SIZE), np.float32)


def _tone(original: U8, painted: U8, distance: F32, widths: _Widths) -> F32:
    """What to add to the paint so that it meets the picture at the feather.

    Compares both on the true skin between rim and guard, and carries the difference inwards
    smoothly.

    Returns:
        (256, 256, 3) float32, within ``TONE_LIMIT`` of 0.
    """
    band = (distance > widths.rim) & (distance <= widths.paint_end)
    if not band.any():
        return np.zeros((*distance.shape, 3), np.float32)
    difference = original[band].astype(np.float32) - painted[band]
    middle = np.median(difference, axis=0)
    strange = np.abs(difference - middle).max(axis=1) / TONE_OUTLIER
    # The farther out, the surer it is skin without a tinge of the worn mask.
    outward = (distance[band] - widths.rim) / (widths.paint_end - widths.rim)
    weight = np.exp(-(strange**2)) * outward * (0.1 + 0.9 * FACE_AREA[band])
    weight *= 1 - _tinge(original, band, distance, widths)
    differences = np.zeros((*distance.shape, 3), np.float32)
    weights = np.zeros(distance.shape, np.float32)
    differences[band], weights[band] = difference, weight
    field = np.clip(local_mean(differences, weights, TONE_GRID), -TONE_LIMIT, TONE_LIMIT)
    size = (CROP_SIZE, CROP_SIZE)
    return np.asarray(cv2.resize(field, size, interpolation=cv2.INTER_LINEAR), np.float32)


def _tinge(original: U8, band: Marks, distance: F32, widths: _Widths) -> F32:
    """How much of the worn mask's colour shines through each marked pixel, in [0, 1].

    A pixel's place on the line from the skin's median colour to the covering's; the first tenth
    is left out, since skin simply differs from skin.
    """
    beyond = (distance > widths.paint_end) & (distance < widths.paint_end + 10) & (FACE_AREA > 0)
    skin, covering = original[beyond], original[distance == 0]
    if not (len(skin) and len(covering)):
        return np.zeros(np.count_nonzero(band), np.float32)
    base = np.median(skin[::3], axis=0).astype(np.float32)
    line = np.median(covering[::7], axis=0).astype(np.float32) - base
    place = (original[band] - base) @ line / max(float(line @ line), 20.0**2)
    return np.clip((place - 0.1) / 0.2, 0, 1).astype(np.float32)


def _frame_box(
    inside: Marks, frame_to_crop: F32, shape: tuple[int, ...]
) -> tuple[int, int, int, int] | None:
    """x0, y0, x1, y1 in the frame of the crop's marked part and what lies around it."""
    rows, columns = np.flatnonzero(inside.any(axis=1)), np.flatnonzero(inside.any(axis=0))
    if not len(rows):
        return None
    x0, x1, y0, y1 = columns[0] - 1, columns[-1] + 1, rows[0] - 1, rows[-1] + 1
    corners = np.array([[x0, y0, 1], [x1, y0, 1], [x0, y1, 1], [x1, y1, 1]], np.float64)
    points = corners @ cv2.invertAffineTransform(frame_to_crop.astype(np.float64)).T
    left, top = np.maximum(np.floor(points.min(axis=0)).astype(int), 0)
    right, bottom = np.minimum(np.ceil(points.max(axis=0)).astype(int) + 1, (shape[1], shape[0]))
    if left >= right or top >= bottom:
        return None
    return int(left), int(top), int(right), int(bottom)


def _crop_to_patch(frame_to_crop: F32, x: int, y: int) -> npt.NDArray[np.float64]:
    matrix = cv2.invertAffineTransform(frame_to_crop.astype(np.float64))
    matrix[:, 2] -= (x, y)
    return np.asarray(matrix, np.float64)


def _warp(
    picture: F32, to_patch: npt.NDArray[np.float64], size: tuple[int, int], *, smooth: bool = True
) -> F32:
    """Carry a crop-sized picture to the patch, antialiased where it shrinks.

    Args:
        picture: (256, 256, C) float32.
        to_patch: (2, 3) from crop to patch pixels.
        size: Width and height of the patch.
        smooth: Cubic, which keeps a picture sharp; linear never leaves the range of its samples.
    """
    scale = float(np.hypot(to_patch[0, 0], to_patch[1, 0]))
    if scale < AVERAGE_BELOW:
        side = max(1, round(CROP_SIZE * scale))
        ratio = side / CROP_SIZE
        picture = cv2.resize(picture, (side, side), interpolation=cv2.INTER_AREA)  # type: ignore[assignment]
        # Centres of pixels lie at integers: shrinking moves them by half a pixel's difference.
        shift = 0.5 * ratio - 0.5
        shrink = np.array([[ratio, 0, shift], [0, ratio, shift], [0, 0, 1]])
        to_patch = to_patch @ np.linalg.inv(shrink)
    flags = cv2.INTER_CUBIC if smooth else cv2.INTER_LINEAR
    return cv2.warpAffine(picture, to_patch, size, flags=flags, borderMode=cv2.BORDER_REPLICATE)  # type: ignore[return-value]
