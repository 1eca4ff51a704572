"""Sharpness and grain: paint made at 256 px must not look smoother than the skin beside it.

What passing through 256 px takes away is measured on the frame's own skin around the mask, which
went the same way in the crop; what the paint lacks is then given back: lost edge contrast by a
mild unsharp, lost grain by noise of the same strength in two bands.
"""

from __future__ import annotations

import functools

import cv2
import numpy as np

from .face_area import Marks
from .types import F32, U8

SAMPLES_MIN = 60
"""Fewer pixels of skin than this say nothing about grain."""
SHARPEN_FROM = 1.17
"""Frame pixels per crop pixel from which the paint was enlarged enough to be sharpened."""
SHARPEN_MAX = 0.6
GRAIN_FROM = 0.6
"""Frame pixels per crop pixel below which fine detail is the face's own shape, not grain."""
COARSE_FROM = 1.5
"""The same for the coarser band."""
GRAIN_MIN, GRAIN_MAX = 0.4, 10.0
"""Grain below the first (of 255) cannot be seen; above the second it is no grain."""
BANDS = (0.8, 1.8)
"""Gaussian sigmas in frame pixels: fine grain lies below the first, coarse between the two."""
FLAT_SHARE, FLAT_SIGMA = 0.3, 2.0
"""Grain is measured on this share of the pixels, where a picture this blurred is flattest."""
SURELY = 1.25
"""Paint with grain this close to the skin's is left as it is."""
TILE = 512


def match_sharpness(rgb: F32, original: F32, window: U8, ring: Marks, scale: float) -> F32:
    """Sharpen enlarged paint as far as the same enlargement softened the skin around it.

    Args:
        rgb: (h, w, 3) float32 paint in [0, 255] at frame resolution.
        original: (h, w, 3) float32: the frame's own crop brought to frame resolution the same way.
        window: (h, w, 3) uint8: the frame itself there.
        ring: (h, w) bool, skin around the paint.
        scale: Frame pixels per crop pixel.

    Returns:
        (h, w, 3) float32.
    """
    if np.count_nonzero(ring) < SAMPLES_MIN:
        return rgb
    sigma = 0.5 * scale
    soft = _luma(original)
    pictures = (_luma(window.astype(np.float32)), soft, _unsharp(soft, sigma))
    wanted, present, reach = (_steepness(picture, ring, sigma) for picture in pictures)
    if reach - present < 1e-3:
        return rgb
    amount = min(max((wanted - present) / (reach - present), 0.0), SHARPEN_MAX)
    return rgb + np.float32(amount) * (_unsharp(rgb, sigma) - rgb)


def match_grain(
    rgb: F32, window: U8, ring: Marks, core: Marks, frame_to_crop: F32, origin: tuple[int, int]
) -> F32:
    """Add the grain that the skin around the paint has and the paint lacks.

    Args:
        rgb: (h, w, 3) float32 paint in [0, 255] at frame resolution.
        window: (h, w, 3) uint8: the frame itself there.
        ring: (h, w) bool, skin around the paint.
        core: (h, w) bool, skin of the paint.
        frame_to_crop: (2, 3) float32.
        origin: x and y of the window in the frame.

    Returns:
        (h, w, 3) float32. The same arguments give the same bytes.
    """
    scale = 1 / float(np.hypot(frame_to_crop[0, 0], frame_to_crop[1, 0]))
    if scale < GRAIN_FROM or min(np.count_nonzero(ring), np.count_nonzero(core)) < SAMPLES_MIN:
        return rgb
    seen = _luma(window.astype(np.float32))
    wanted, present = _grain(seen, ring), _grain(_luma(rgb), core)
    used = 2 if scale > COARSE_FROM else 1
    lacks = np.sqrt(np.maximum(wanted**2 - (SURELY * present) ** 2, 0))[:used]
    if lacks.max() < GRAIN_MIN:
        return rgb
    noise = _bands(_noise(frame_to_crop, origin, scale, seen.shape))
    for lack, band in zip(np.minimum(lacks, GRAIN_MAX), noise, strict=False):
        rgb = rgb + (np.float32(lack / max(_spread(band), 1e-6)) * band)[..., None]
    return rgb


def _luma(rgb: F32) -> F32:
    return np.asarray(cv2.transform(rgb, np.array([[0.299, 0.587, 0.114]])), np.float32)


def _blur(picture: F32, sigma: float) -> F32:
    return np.asarray(cv2.GaussianBlur(picture, (0, 0), sigma), np.float32)


def _bands(luma: F32) -> tuple[F32, F32]:
    fine = _blur(luma, BANDS[0])
    return luma - fine, fine - _blur(luma, BANDS[1])


def _grain(luma: F32, skin: Marks) -> F32:
    """Strength of the two bands on the flattest marked skin.

    The lesser of the left and right half: hair or a shadow's edge may lie in one of them.
    """
    bands = _bands(luma)
    slope = _slope(_blur(luma, FLAT_SIGMA))
    columns = np.flatnonzero(skin.any(axis=0))
    middle = int(columns[0] + columns[-1] + 1) // 2
    halves = []
    for half in (slice(None, middle), slice(middle, None)):
        marked = skin[:, half]
        steep = slope[:, half][marked]
        if len(steep) >= SAMPLES_MIN // 2:
            flat = steep <= np.quantile(steep, FLAT_SHARE)
            halves.append([_spread(band[:, half][marked][flat]) for band in bands])
    return np.min(halves, axis=0).astype(np.float32)


def _slope(luma: F32) -> F32:
    across, down = cv2.Sobel(luma, cv2.CV_32F, 1, 0), cv2.Sobel(luma, cv2.CV_32F, 0, 1)
    return np.asarray(cv2.magnitude(across, down), np.float32)


def _spread(values: F32) -> float:
    """Standard deviation, deaf to the few pixels that lie on an edge."""
    return 1.4826 * float(np.median(np.abs(values - np.median(values))))


def _unsharp(picture: F32, sigma: float) -> F32:
    return 2 * picture - _blur(picture, sigma)


def _steepness(luma: F32, ring: Marks, sigma: float) -> float:
    """Mean gradient, of edges rather than of grain, which a light blur takes away first."""
    return float(_slope(_blur(luma, 0.7 * sigma))[ring].mean())


@functools.cache
def _tile() -> F32:
    return np.random.default_rng(0).standard_normal((TILE, TILE), np.float32)


def _noise(
    frame_to_crop: F32, origin: tuple[int, int], scale: float, shape: tuple[int, ...]
) -> F32:
    """White noise about as fine as frame pixels, fixed to the face.

    One fixed tile, laid over the crop and carried along with it. Fresh noise in every frame would
    flicker where the codec has frozen the rest of the picture, and noise fixed to the screen would
    look like a dirty window before a moving face; most fine detail of skin in a decoded video
    moves with the skin.
    """
    finer = 2.0 ** round(np.log2(max(scale, 1 / 16)))
    to_tile = frame_to_crop.astype(np.float64) * finer
    to_tile[:, 2] += to_tile[:, :2] @ np.array(origin, np.float64)
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    size = (shape[1], shape[0])
    noise = cv2.warpAffine(_tile(), to_tile, size, flags=flags, borderMode=cv2.BORDER_WRAP)
    return np.asarray(noise, np.float32)
