"""Between a picture's own samples and RGB: the view for the networks, and paint on the way back."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from ..composite import blend
from ..types import F32, U8, Patch
from .cmyk import CmykConversion
from .still import Samples, StillImage

DEEP_MAX = 65535
_SMALL_RANGE = DEEP_MAX / 4
"""16-bit pictures that use less than this are stretched for the networks, or they would be black."""
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)
_STRIP = 256  # rows converted at once, so that wide intermediate numbers stay small


def deep_span(samples: npt.NDArray[np.uint16], mode: str) -> tuple[int, int]:
    """The values of a 16-bit picture to show as 0 and 255.

    Args:
        samples: (H, W) or (H, W, C) uint16.
        mode: Meaning of the channels; alpha is not looked at.

    Returns:
        (0, 65535), or nearly the darkest and brightest value where the picture uses less than a
        quarter of that range.
    """
    colours = samples[..., :-1] if mode in ("LA", "RGBA") else samples
    step = max(1, int(np.sqrt(colours.size / 1e6)))
    low, high = np.percentile(colours[::step, ::step], (0.1, 99.9))
    if high - low >= _SMALL_RANGE or high <= low:
        return 0, DEEP_MAX
    return int(low), int(high)


def view(samples: Samples, mode: str, span: tuple[int, int], cmyk: CmykConversion) -> U8:
    """What the networks see of a picture.

    Args:
        samples: (H, W) or (H, W, C), uint8 or uint16.
        mode: Meaning of the channels.
        span: The 16-bit values to show as 0 and 255.
        cmyk: How CMYK becomes RGB.

    Returns:
        (H, W, 3) uint8 RGB, in the picture's own profile; ``samples`` itself where it is that.
    """
    if mode == "CMYK":
        return cmyk.to_rgb(samples)
    if mode in ("LA", "RGBA"):
        samples = samples[..., :-1] if mode == "RGBA" else samples[..., 0]
    if samples.dtype == np.uint16:
        samples = _shown(span)[samples]
    if samples.ndim == 2:
        samples = np.repeat(samples[..., None], 3, axis=2)
    return np.ascontiguousarray(samples)


def _shown(span: tuple[int, int]) -> U8:
    """(65536,) table from 16-bit values to the 8 bits shown."""
    low, high = span
    values = (np.arange(DEEP_MAX + 1, dtype=np.float64) - low) * (255 / (high - low))
    return np.rint(np.clip(values, 0, 255)).astype(np.uint8)


def painted_samples(still: StillImage, patches: Sequence[Patch]) -> Samples:
    """A copy of a picture's samples with patches blended in.

    Args:
        still: The picture; it stays as it is.
        patches: In upright coordinates, inside the picture; later ones lie on top.

    Returns:
        Like ``still.samples``; equal to them bit for bit where every alpha is 0. Transparency stays.
    """
    result = still.samples.copy()
    cmyk = CmykConversion(still.metadata.icc if still.mode == "CMYK" else None)
    for patch in patches:
        height, width = patch.alpha.shape
        window = result[patch.y : patch.y + height, patch.x : patch.x + width]
        if still.mode == "LA":
            window = window[..., 0]
        elif still.mode == "RGBA":
            window = window[..., :3]
        window[...] = blend(window, _own_paint(still, patch.rgb, window, cmyk), patch.alpha)
    return result


def _own_paint(still: StillImage, rgb: F32, window: Samples, cmyk: CmykConversion) -> F32:
    """Paint in the picture's own channels, where 255 is their largest value."""
    if still.mode == "CMYK":
        shown = np.rint(np.clip(rgb, 0, 255)).astype(np.uint8)
        return cmyk.to_cmyk(shown, window).astype(np.float32)
    paint: F32 = rgb @ _LUMA if still.mode in ("L", "LA") else rgb
    if still.is_deep and still.span != (0, DEEP_MAX):
        low, high = still.span
        paint = paint * np.float32((high - low) / DEEP_MAX) + np.float32(255 * low / DEEP_MAX)
    return paint


def to_8bit(samples: npt.NDArray[np.uint16]) -> U8:
    """The same picture with 8 bits a sample."""
    return _shown((0, DEEP_MAX))[samples]


def without_alpha(samples: U8) -> U8:
    """Lay a transparent picture on white.

    Args:
        samples: (H, W, 2) grey and alpha, or (H, W, 4) RGB and alpha, uint8.

    Returns:
        (H, W) or (H, W, 3) uint8.
    """
    channels = samples.shape[2] - 1
    flat = np.empty((*samples.shape[:2], channels), np.uint8)
    for top in range(0, len(samples), _STRIP):
        strip = samples[top : top + _STRIP].astype(np.uint16)
        alpha = strip[..., -1:]
        flat[top : top + _STRIP] = (strip[..., :-1] * alpha + 255 * (255 - alpha) + 127) // 255
    return flat[..., 0] if channels == 1 else flat
