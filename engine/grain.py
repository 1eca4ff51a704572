"""Sharpness and grain: paint made at 256 px must not look smoother than the skin beside it.

What passing through 256 px takes away is measured on the frame's own skin around the mask, which
went the same way in the crop; what the paint lacks is then given back: lost edge contrast by a
mild unsharp, lost grain by noise of the same strength in two bands.
"""

from __future__ import annotations

import functools

import cv2
import numpy as np
import numpy.typing as npt

from .types import F32, U8

Marks = npt.NDArray[np.bool_]

SAMPLES_MIN = 60
"""Fewer pixels of skin than this say nothing about grain."""
SHARPEN_FROM = 1.17
"""Frame pixels per crop pixel from which the paint was enlarged enough to be sharpened."""
SHARPEN_MAX = 0.6
GRAIN_MIN, GRAIN_MAX = 0.4, 10.0
"""Grain below the first (of 255) cannot be seen; above the second it is no grain."""
BANDS = (0.8, 1.8)
"""Gaussian sigmas in frame pixels: fine grain lies below the first, coarse between the two."""
TILE = 512


def match_detail(
    rgb: F32,
    original: F32,
    window: U8,
    ring: Marks,
    core: Marks,
    frame_to_crop: F32,
    origin: tuple[int, int],
) -> F32:
    """Give the paint the sharpness and grain of the skin around it.

    Args:
        rgb: (h, w, 3) float32 paint in [0, 255] at frame resolution.
        original: (h, w, 3) float32: the frame's own crop brought to frame resolution the same way.
        window: (h, w, 3) uint8: the frame itself there.
        ring: (h, w) skin around the paint.
        core: (h, w) skin of the paint.
        frame_to_crop: (2, 3) float32.
        origin: x and y of the window in the frame.

    Returns:
        (h, w, 3) float32.
    """
    if np.count_nonzero(ring) < SAMPLES_MIN or np.count_nonzero(core) < SAMPLES_MIN:
        return rgb
    scale = 1 / float(np.hypot(frame_to_crop[0, 0], frame_to_crop[1, 0]))
    seen = _luma(window.astype(np.float32))
    if scale > SHARPEN_FROM:
        rgb = _sharpen(rgb, _luma(original), seen, ring, scale)
    wanted = [_spread(band[ring]) for band in _bands(seen)]
    present = [_spread(band[core]) for band in _bands(_luma(rgb))]
    # Below crop resolution the coarse band holds the face's own shape.
    used = slice(0, 2 if scale > 1 else 1)
    lacks = np.sqrt(np.maximum(np.square(wanted) - np.square(present), 0))[used]
    if lacks.max() < GRAIN_MIN:
        return rgb
    noise = _bands(_noise(frame_to_crop, origin, scale, seen.shape))
    for lack, band in zip(np.minimum(lacks, GRAIN_MAX), noise, strict=False):
        rgb = rgb + (lack / max(float(band.std()), 1e-6) * band)[..., None]
    return rgb


def _luma(rgb: F32) -> F32:
    return cv2.transform(rgb, np.array([[0.299, 0.587, 0.114]], np.float32))


def _bands(luma: F32) -> tuple[F32, F32]:
    fine = cv2.GaussianBlur(luma, (0, 0), BANDS[0])
    return luma - fine, fine - cv2.GaussianBlur(luma, (0, 0), BANDS[1])


def _spread(values: F32) -> float:
    """Standard deviation, deaf to the few pixels that lie on an edge."""
    return 1.4826 * float(np.median(np.abs(values - np.median(values))))


def _sharpen(rgb: F32, original: F32, seen: F32, ring: Marks, scale: float) -> F32:
    """Unsharp of the strength that would bring the enlarged crop to the frame's gradient."""
    sigma = 0.5 * scale
    steps = [
        _steepness(picture, ring, sigma) for picture in (seen, original, _unsharp(original, sigma))
    ]
    gain = steps[2] - steps[1]
    amount = min(max((steps[0] - steps[1]) / gain, 0), SHARPEN_MAX) if gain > 1e-3 else 0.0
    return rgb + amount * (_unsharp(rgb, sigma) - rgb)


def _unsharp(picture: F32, sigma: float) -> F32:
    return 2 * picture - cv2.GaussianBlur(picture, (0, 0), sigma)


def _steepness(luma: F32, ring: Marks, sigma: float) -> float:
    """Mean gradient, of edges rather than of grain, which a light blur takes away first."""
    calm = cv2.GaussianBlur(luma, (0, 0), 0.7 * sigma)
    across, down = cv2.Sobel(calm, cv2.CV_32F, 1, 0), cv2.Sobel(calm, cv2.CV_32F, 0, 1)
    return float(cv2.magnitude(across, down)[ring].mean())


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
    return cv2.warpAffine(_tile(), to_tile, size, flags=flags, borderMode=cv2.BORDER_WRAP)
