"""A picture in memory: its samples as stored, its view for the networks, and what came with it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from ..types import U8
from .metadata import Metadata

Samples = npt.NDArray[Any]
"""uint8 or uint16; NumPy's types cannot say that without casts at every step."""


def pil_image(samples: Samples, mode: str) -> Image.Image:
    """Samples as Pillow's picture, without copying them where that is possible.

    Args:
        samples: (H, W) or (H, W, C) uint8.
        mode: Meaning of the channels.
    """
    size = (samples.shape[1], samples.shape[0])
    return Image.frombuffer(mode, size, np.ascontiguousarray(samples), "raw", mode, 0, 1)


@dataclass(frozen=True)
class StillImage:
    """A picture read from a file, standing upright.

    Attributes:
        path: Where it came from.
        format: What it is by content: "JPEG", "PNG", "WEBP", "BMP", "TIFF", "AVIF" or "HEIF".
        mode: Meaning of the channels, "L", "LA", "RGB", "RGBA" or "CMYK".
        samples: (H, W) for mode "L", else (H, W, C); uint8 or uint16, as the file holds them.
        rgb: (H, W, 3) uint8 RGB: what the networks see; may share memory with ``samples``.
        span: The 16-bit values shown as 0 and 255 in ``rgb``; (0, 65535) unless the picture uses
            a small part of that range, and of no meaning for 8-bit samples.
        metadata: EXIF, profile and the like.
        notes: What the user should know about how the file was read, one line each.
    """

    path: Path
    format: str
    mode: str
    samples: Samples = field(repr=False)
    rgb: U8 = field(repr=False)
    metadata: Metadata = field(repr=False)
    span: tuple[int, int] = (0, 65535)
    notes: tuple[str, ...] = ()

    @property
    def is_deep(self) -> bool:
        """Whether samples have 16 bits."""
        return self.samples.dtype == np.uint16
