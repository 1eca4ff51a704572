"""CMYK to RGB and back: through the picture's own profile where it has one."""

from __future__ import annotations

import io

import numpy as np
from PIL import ImageCms

from ..types import U8
from .still import pil_image


class CmykConversion:
    """Converts both ways, so that unchanged colours come back as they were or very near.

    Args:
        icc: The picture's CMYK profile; without a usable one the plain formula is taken.

    Attributes:
        is_exact: A profile is used, so that RGB is sRGB.
    """

    def __init__(self, icc: bytes | None) -> None:
        self._there: ImageCms.ImageCmsTransform | None = None
        self._back: ImageCms.ImageCmsTransform | None = None
        if icc is not None:
            self._open(icc)

    @property
    def is_exact(self) -> bool:
        """Whether a profile is used."""
        return self._there is not None

    def _open(self, icc: bytes) -> None:
        intent, flags = ImageCms.Intent.RELATIVE_COLORIMETRIC, ImageCms.Flags.BLACKPOINTCOMPENSATION
        try:
            profile = ImageCms.ImageCmsProfile(io.BytesIO(icc))
            srgb = ImageCms.createProfile("sRGB")
            self._back = ImageCms.buildTransform(srgb, profile, "RGB", "CMYK", intent, flags)
            self._there = ImageCms.buildTransform(profile, srgb, "CMYK", "RGB", intent, flags)
        except (ImageCms.PyCMSError, OSError, ValueError):
            self._there = self._back = None

    def to_rgb(self, samples: U8) -> U8:
        """(H, W, 4) uint8 CMYK, 255 = full ink, to (H, W, 3) uint8 RGB."""
        picture = pil_image(samples, "CMYK")
        if self._there is None:
            return np.asarray(picture.convert("RGB"))
        return np.asarray(self._there.apply(picture))

    def to_cmyk(self, rgb: U8, like: U8) -> U8:
        """RGB to CMYK.

        Args:
            rgb: (h, w, 3) uint8.
            like: (h, w, 4) uint8: the samples to be painted over; without a profile their black is
                kept as far as the colour allows, so that blending changes nothing but colour.

        Returns:
            (h, w, 4) uint8 CMYK.
        """
        if not rgb.size:
            return np.zeros((*rgb.shape[:2], 4), np.uint8)
        if self._back is not None:
            return np.asarray(self._back.apply(pil_image(rgb, "RGB")))
        brightest = rgb.max(axis=2).astype(np.float32)
        black = np.minimum(like[..., 3], 255 - brightest)
        light = np.maximum(255 - black, 1)[..., None]
        inks = 255 * (1 - rgb.astype(np.float32) / light)
        return np.rint(np.clip(np.dstack([inks, black]), 0, 255)).astype(np.uint8)


def srgb_profile() -> bytes:
    """The profile of what ``CmykConversion`` gives when it is exact."""
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
